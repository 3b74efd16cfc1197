package openssl_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"sealift.dev/sealift/api/openssl"
)

// TestSeal compares with what crypto.createCipher of Node 20 makes of the same object.
func TestSeal(t *testing.T) {
	got, err := openssl.Seal(dataKey(), map[string][]byte{"test_data": []byte("This is sensitive data"), "A": []byte(`ä "\`)})
	if want := "IIfDsmImK0P4XnLge0KCyY7080K56zVQjI5CpwFWA1ajkSB5HfV6dITxGyFH0//KuLlF3w==\n"; err != nil || string(got) != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
}

func TestSealedOpens(t *testing.T) {
	values := map[string]string{"EMPTY": "", "CONTROLS": "\x00\n\r\t\x1f\x7f", "QUOTES": `"\/`, "TEXT": "ä€𐍈  <&>", "LONG": string(bytes.Repeat([]byte("x"), 1<<16))}
	texts := make(map[string][]byte)
	for name, value := range values {
		texts[name] = []byte(value)
	}
	for _, want := range []map[string][]byte{texts, {}} {
		file, err := openssl.Seal(dataKey(), want)
		if err != nil {
			t.Fatal(err)
		}
		text, how, err := openssl.Open(file, dataKey())
		if err != nil || how != (openssl.Derivation{Digest: openssl.MD5}) {
			t.Fatal(how, err)
		}
		var got map[string]string
		if err := json.Unmarshal(text, &got); err != nil || len(got) != len(want) {
			t.Fatal(err)
		}
		for name, value := range got {
			if value != string(want[name]) {
				t.Errorf("%s: %q", name, value)
			}
		}
	}
	if _, err := openssl.Seal(nil, texts); err == nil || err.Error() != "data key of 0 bytes, not 32" {
		t.Errorf("a wiped data key: %v", err)
	}
}

func TestSetDataKey(t *testing.T) {
	tests := []struct{ name, config, want, err string }{
		{name: "none", want: "{\n  \"kmsDataKey\": \"AQI=\"\n}\n"},
		{name: "empty", config: " {} ", want: "{\n  \"kmsDataKey\": \"AQI=\"\n}\n"},
		{name: "replaced", config: `{"z": 1.50, "kmsDataKey": {"x": 1}, "a": [ 1,2 ]}`, want: "{\n  \"z\": 1.50,\n  \"kmsDataKey\": \"AQI=\",\n  \"a\": [ 1,2 ]\n}\n"},
		{name: "added", config: `{"stage": "dev"}`, want: "{\n  \"stage\": \"dev\",\n  \"kmsDataKey\": \"AQI=\"\n}\n"},
		{name: "list", config: `[]`, err: "not one JSON object"},
		{name: "two", config: `{} {}`, err: "not one JSON object"},
		{name: "cut off", config: `{"a": 1`, err: "not one JSON object"},
		{name: "twice", config: `{"kmsDataKey": "a", "kmsDataKey": "b"}`, err: "a JSON object with two members of one name"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var config []byte
			if test.config != "" {
				config = []byte(test.config)
			}
			got, err := openssl.SetDataKey(config, []byte{1, 2})
			if test.err != "" {
				if err == nil || err.Error() != test.err || got != nil {
					t.Errorf("%s, %v, want %s", got, err, test.err)
				}
				return
			}
			if err != nil || string(got) != test.want {
				t.Errorf("%s, %v", got, err)
			}
		})
	}
}
