package kms

import (
	"time"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

// defaultRotationDays is the rotation period when EnableKeyRotation names none.
const defaultRotationDays = 365

func (s *Service) enableKeyRotation(caller wire.Caller, in keyInput) (any, string, error) {
	if err := between("rotationPeriodInDays", in.RotationPeriodInDays, 90, 2560); err != nil {
		return nil, "", err
	}
	_, arn, err := s.alter(caller, in.KeyId, func(k key) (key, error) {
		if !k.symmetric() {
			return k, invalid("UnsupportedOperationException", "%s key spec is %s which is not valid for EnableKeyRotation.", k.arn(caller), k.Spec)
		}
		if err := k.usable(caller); err != nil {
			return k, err
		}
		if k.RotationDays == 0 {
			k.RotationDays, k.RotationStart = defaultRotationDays, s.now().UTC()
		}
		if in.RotationPeriodInDays != nil {
			k.RotationDays = *in.RotationPeriodInDays
		}
		return k, nil
	})
	return nil, arn, err
}

func (s *Service) disableKeyRotation(caller wire.Caller, in keyInput) (any, string, error) {
	_, arn, err := s.alter(caller, in.KeyId, func(k key) (key, error) {
		if !k.symmetric() {
			return k, invalid("UnsupportedOperationException", "%s key spec is %s which is not valid for DisableKeyRotation.", k.arn(caller), k.Spec)
		}
		if err := k.usable(caller); err != nil {
			return k, err
		}
		k.RotationDays, k.RotationStart = 0, time.Time{}
		return k, nil
	})
	return nil, arn, err
}

func (s *Service) getKeyRotationStatus(caller wire.Caller, in keyInput) (any, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.findKey(caller, in.KeyId)
	if err != nil {
		return nil, "", err
	}
	if err := k.notPendingDeletion(caller); err != nil {
		return nil, k.arn(caller), err
	}
	status := map[string]any{"KeyId": k.arn(caller), "KeyRotationEnabled": k.RotationDays > 0}
	if k.RotationDays > 0 {
		next := k.RotationStart
		for !next.After(s.now()) {
			next = next.AddDate(0, 0, k.RotationDays)
		}
		status["RotationPeriodInDays"], status["NextRotationDate"] = k.RotationDays, inSeconds(next)
	}
	return status, k.arn(caller), nil
}
