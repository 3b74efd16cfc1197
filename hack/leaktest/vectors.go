package leaktest

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Vectors makes secrets of all values and data keys of a reader's vectors (api/SPEC.md).
func (w *Watch) Vectors(folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err == nil && len(files) == 0 {
		err = errors.New("no vectors")
	}
	for _, file := range files {
		var v struct {
			KMS     struct{ Plaintext string }
			Secrets map[string]string
		}
		data, fault := os.ReadFile(file)
		if fault == nil {
			fault = json.Unmarshal(data, &v)
		}
		if fault != nil {
			return fmt.Errorf("%s: %w", file, fault)
		}
		if key, err := hex.DecodeString(v.KMS.Plaintext); err == nil && len(key) == 32 {
			w.Key("data key of "+filepath.Base(file), key)
		}
		for _, value := range v.Secrets {
			w.Secret(value, value)
		}
	}
	return err
}
