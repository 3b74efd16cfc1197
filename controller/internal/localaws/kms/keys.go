package kms

import (
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
	"time"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

type keyInput struct {
	KeyId                string
	PendingWindowInDays  *int
	RotationPeriodInDays *int
}

func (s *Service) describeKey(caller wire.Caller, in keyInput) (any, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.find(caller, in.KeyId)
	if err != nil {
		return nil, "", err
	}
	return map[string]any{"KeyMetadata": k.metadata(caller)}, k.arn(caller), nil
}

func (s *Service) getPublicKey(caller wire.Caller, in keyInput) (any, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.find(caller, in.KeyId)
	if err != nil {
		return nil, "", err
	}
	if k.symmetric() {
		return nil, k.arn(caller), invalid("UnsupportedOperationException", "%s key spec is %s which is not valid for GetPublicKey.", k.arn(caller), k.Spec)
	}
	if err := k.usable(caller); err != nil {
		return nil, k.arn(caller), err
	}
	private, err := k.private()
	if err != nil {
		return nil, k.arn(caller), err
	}
	public, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		return nil, k.arn(caller), fmt.Errorf("encode the public key: %w", err)
	}
	return struct {
		CustomerMasterKeySpec, KeyId, KeySpec, KeyUsage string
		EncryptionAlgorithms                            []string
		PublicKey                                       []byte
	}{k.Spec, k.arn(caller), k.Spec, usageEncrypt, k.algorithms(), public}, k.arn(caller), nil
}

// alter changes one key: edit gets it and returns what it shall be, or why it cannot be.
func (s *Service) alter(caller wire.Caller, id string, edit func(key) (key, error)) (key, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.findKey(caller, id)
	if err != nil {
		return key{}, "", err
	}
	edited, err := edit(k)
	if err != nil {
		return key{}, k.arn(caller), err
	}
	return edited, k.arn(caller), s.put(caller.Region, edited)
}

func (s *Service) disableKey(caller wire.Caller, in keyInput) (any, string, error) {
	_, arn, err := s.alter(caller, in.KeyId, func(k key) (key, error) {
		err := k.notPendingDeletion(caller)
		k.State = stateDisabled
		return k, err
	})
	return nil, arn, err
}

func (s *Service) enableKey(caller wire.Caller, in keyInput) (any, string, error) {
	_, arn, err := s.alter(caller, in.KeyId, func(k key) (key, error) {
		err := k.notPendingDeletion(caller)
		k.State = stateEnabled
		return k, err
	})
	return nil, arn, err
}

func (s *Service) scheduleKeyDeletion(caller wire.Caller, in keyInput) (any, string, error) {
	days := 30
	if in.PendingWindowInDays != nil {
		days = *in.PendingWindowInDays
	}
	if err := between("pendingWindowInDays", &days, 7, 30); err != nil {
		return nil, "", err
	}
	k, arn, err := s.alter(caller, in.KeyId, func(k key) (key, error) {
		err := k.notPendingDeletion(caller)
		k.State, k.Deletion = statePendingDeletion, s.now().UTC().AddDate(0, 0, days)
		return k, err
	})
	if err != nil {
		return nil, arn, err
	}
	return map[string]any{"KeyId": arn, "DeletionDate": inSeconds(k.Deletion), "KeyState": k.State, "PendingWindowInDays": days}, arn, nil
}

func (s *Service) cancelKeyDeletion(caller wire.Caller, in keyInput) (any, string, error) {
	_, arn, err := s.alter(caller, in.KeyId, func(k key) (key, error) {
		if k.State != statePendingDeletion {
			return k, invalid("KMSInvalidStateException", "%s is not pending deletion.", k.arn(caller))
		}
		k.State, k.Deletion = stateDisabled, time.Time{}
		return k, nil
	})
	if err != nil {
		return nil, arn, err
	}
	return map[string]any{"KeyId": arn}, arn, nil
}

// Page sizes of ListKeys.
const (
	keysPage    = 100
	maxKeysPage = 1000
)

type listInput struct {
	KeyId  string
	Limit  *int
	Marker string
}

type keyEntry struct{ KeyArn, KeyId string }

// listKeys answers the keys of every state, sorted by id.
func (s *Service) listKeys(caller wire.Caller, in listInput) (any, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []keyEntry{}
	for _, id := range slices.Sorted(maps.Keys(s.region(caller.Region).keys)) {
		if k, ok := s.key(caller.Region, id); ok {
			all = append(all, keyEntry{k.arn(caller), k.ID})
		}
	}
	keys, next, err := page(in, keysPage, maxKeysPage, all, func(e keyEntry) string { return e.KeyId })
	if err != nil {
		return nil, "", err
	}
	return struct {
		Keys []keyEntry
		pageEnd
	}{keys, next}, "", nil
}
