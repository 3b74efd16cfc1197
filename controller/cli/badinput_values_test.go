package cli_test

import "strings"

// values are faults of the files that values are imported from.
func (m *badMaker) values() {
	add := func(fault, cause string, texts ...string) { m.add("json", fault, cause, texts...) }
	c := badCanary
	add("no object", "not a JSON object|not JSON|no value", "", " ", "[]", `"`+c+`"`, "7", "null", "true", `["`+c+`"]`)
	add("no JSON", "not JSON", "{", `{"A"`, `{"A":`, `{"A":"x",`, `{A:"x"}`, `{'A':'x'}`, `{"A":"x",}`, `{"A":"`+c, "{\"A\":\"a\nb\"}", `{"A":"\x"}`, `{"A":x}`, "// c\n{}", `{"A":"x"/**/}`, `{"A":"x" "B":"y"}`)
	add("value that is no string", "a value that is not a string|not JSON", `{"A":1}`, `{"A":null}`, `{"A":true}`, `{"A":["`+c+`"]}`, `{"A":{"B":"`+c+`"}}`, `{"A":1e400}`, `{"A":-0}`)
	add("name twice", "given before", `{"A":"x","A":"y"}`, `{"A":"x","\u0041":"y"}`)
	add("name", "not the name of a secret", `{"":"x"}`, `{"A B":"x"}`, `{"1A":"x"}`, `{"`+c+`":"x"}`, `{"А":"x"}`, `{"A\u0000":"x"}`, `{"A\n":"x"}`, `{"`+strings.Repeat("A", 129)+`":"x"}`, `{"$A":"x"}`)
	add("surrogate", "half of a surrogate pair", `{"A":"\ud800"}`, `{"A":"\udc00\ud800"}`, `{"A":"`+c+`\ud83d"}`, `{"A\udfff":"x"}`)
	add("encoding", "not valid UTF-8|byte order mark", "{\"A\":\"\xff\"}", "\xff\xfe{\x00}\x00", "\ufeff{\"A\":\"x\"}", "{\"A\":\"caf\xe9\"}", "{\"\xed\xa0\x80\":\"x\"}")
	add("something behind", "something after", `{"A":"x"}{}`, `{"A":"x"} x`, "{\"A\":\"x\"}\x00", `{"A":"x"}}`, `{"A":"x"},`)
	add("nothing", "no value to seal", "{}", " {\n} ")
	m.recipe("json", "long value", "a value of over 65536", pieceOf(`{"A":"`), piece{Text: "x", Times: 65537}, pieceOf(`"}`))
	m.recipe("json", "depth", "not a string|not a JSON object", pieceOf(`{"A":`), piece{Text: "[", Times: 1 << 20})
	m.recipe("json", "depth", "not a JSON object", piece{Text: "[", Times: 1 << 20})
	m.recipe("json", "long name", "not the name of a secret", pieceOf(`{"`), piece{Text: "A", Times: 1 << 20}, pieceOf(`":"x"}`))

	add = func(fault, cause string, texts ...string) { m.add("env", fault, cause, texts...) }
	add("no assignment", "not NAME=VALUE", c, "export "+c, "A: "+c, "A=x\n"+c, "export", "{\"A\":\"x\"}", "[section]")
	add("name", "not the name of a secret", "="+c, "A B=x", "A =x", "1A=x", "A-B=x", "export export A=x", "А=x", "$A=x", "A.B=x", c+"=x", strings.Repeat("A", 129)+"=x", "set A=x")
	add("name twice", "given before", "A=x\nA=y", "A=x\nexport A=x")
	add("open quote", "a quote that is not closed", "A='"+c, "A=\""+c, "A='x\n'", "A=\"x\ny\"", `A="x\"`)
	add("behind the quote", "something behind the closing quote", "A='x'y", `A="x""y"`, "A='x'#c", `A="x";rm`)
	add("read differently", "in single quotes", "A=x#"+c, "A=$"+c, "A=`x`", "A=x\\n", "A=a'b'", `A=a"b"`, "A=$(x)", "A=${X:-"+c+"}", "A=x # c")
	add("white space", "white space around", "A= x", "A=x ", "A=\tx", "A=x\t")
	add("expansion", "a . in double quotes", `A="$X"`, `A="`+c+`$"`, `A="${X}"`)
	add("escape", "a backslash that is not one of", `A="\x41"`, `A="\u0041"`, `A="\'"`, `A="\a"`, `A="\`)
	add("encoding", "not text|byte order mark", "A=\xff", "A=x\x00", "\ufeffA=x", "A=x\ry", "A\x00=x", "A='caf\xe9'")
	add("nothing", "no value to seal", "", "\n\n", "# A=x", " \t\r\n")
	m.recipe("env", "long value", "a value of over 65536", pieceOf("A="), piece{Text: "x", Times: 65537})
	m.recipe("env", "long line", "not NAME=VALUE", piece{Text: "x", Times: 1 << 20})
	m.recipe("env", "many lines", "not NAME=VALUE|no value to seal", piece{Text: "#\n", Times: 1 << 19})

	add = func(fault, cause string, texts ...string) { m.add("config", fault, cause, texts...) }
	add("no object", "not a JSON object", "", "[]", "7", `"`+c+`"`, "{", "\ufeff{}", `{"kmsDataKey":"AQID"}{}`, `{"kmsDataKey":"AQID"`, "{'kmsDataKey':'AQID'}")
	add("no data key", "no text as kmsDataKey", "{}", "null", `{"KMSDATAKEY":"AQID"}`, `{"kmsDataKey":""}`, `{"kmsDataKey":null}`, `{"kmsDataKey":7}`, `{"kmsDataKey":["AQID"]}`, `{"kmsDataKey":"AQID","kmsDataKey":""}`, `{"kmsDatаKey":"AQID"}`)
	add("no ciphertext", "not the base64", `{"kmsDataKey":"`+c+`"}`, `{"kmsDataKey":"AQI"}`, `{"kmsDataKey":"AQI_"}`, `{"kmsDataKey":" AQID"}`, `{"kmsDataKey":"AQID=="}`, `{"kmsDataKey":"${KEY}"}`, `{"kmsDataKey":"AQID\u0000"}`)
	m.recipe("config", "long data key", "at most 6144", pieceOf(`{"kmsDataKey":"`), piece{Text: "AAAA", Times: 2049}, pieceOf(`"}`))
	m.recipe("config", "oversize", "over 1048576 bytes", piece{Text: " ", Times: 2 << 20})
	m.recipe("config", "depth", "not a JSON object", piece{Text: "[", Times: 1 << 20})
	m.recipe("config", "depth", "not a JSON object|no text", pieceOf(`{"a":`), piece{Text: `{"a":`, Times: 100_000})

	add = func(fault, cause string, texts ...string) { m.add("openssl", fault, cause, texts...) }
	add("no base64", "not base64", "", "\n", c, "A", "AAA", "A===", "AQID AQID", "AQ==AQ==", "AQID\x00", "U2FsdGVkX1_", "\ufeffAQID", "AQIDB")
	add("another key", "does not open", "AQID", "AQ==", "AQID\r\nAQID\r\n", "U2FsdGVkX18AAAAAAAAAAA==", strings.Repeat("AAAA", 1000))
	m.recipe("openssl", "long", "does not open", piece{Text: "AAAA\n", Times: 1 << 20})
	m.recipe("openssl", "line ends alone", "not base64", piece{Text: "\r\n", Times: 1 << 20})
}

// edits are faults of what comes back from an editor.
func (m *badMaker) edits() {
	m.encodings("edited", "A: "+badCanary+"\n")
	add := func(fault, cause string, texts ...string) { m.add("edited", fault, cause, texts...) }
	c := badCanary
	add("no mapping", "want a mapping", c, "- "+c, "[]", "'x'", "7")
	add("value that is no text", "where text is wanted|no value", "A: 7", "A: true", "A: ~", "A: ["+c+"]", "A: {B: "+c+"}", "A: 2026-01-01", "A:")
	add("name", "not the name of a secret|a name that", "A-B: x", c+": x", "\"\": x", "1A: x", "1: x", "А: x", "\"A\\u202e\": x", "yes: x", "? [a]\n: x")
	add("name twice", "given twice", "A: x\nA: y", "A: x\n\"\\u0041\": y")
	add("anchor", "aliases and anchors", "A: &a x", "A: *a", "A: &a x\nB: *a")
	add("tag", "tags are not allowed", "A: !!str x", "A: !x "+c, "!!map {A: x}", "!")
	add("read differently", "other YAML readers|a number where", "A: yes", "A: off", "A: y", "A: 0o7", "A: 1_000")
	add("merge key", "merge keys", "<<: {A: x}")
	add("no YAML", "not valid YAML", "A: x: y", "A: \""+c, "A: [", "\tA: x", "A: @x", "A: `x`", "A: %x", "A: |x\n  y")
	add("more than one document", "more than one document", "A: x\n---\nB: y", "---\n---\n")
	m.recipe("edited", "oversize", "larger than", piece{Text: "#", Times: 9 << 20})
	m.recipe("edited", "long value", "over 65536 bytes", pieceOf("A: "), piece{Text: "x", Times: 65537})
	m.recipe("edited", "depth", "nested deeper|not valid YAML", pieceOf("A: "), piece{Text: "[", Times: 20_000})
}
