package record

import "testing"

func TestMembersAreWrittenIfTheyHaveAValue(t *testing.T) {
	w := NewWriter([]byte(`{"a":1`), true)
	w.Text("text", "x\"y")
	w.Text("none", "")
	w.Raw("raw", `[1,{}]`)
	w.Raw("none", "")
	w.Texts("texts", []string{"x", "y"})
	w.Texts("none", nil)
	w.Open("inside")
	w.Value("s", Value{"é", String})
	w.Value("n", Value{"1.50", Number})
	w.Value("none", Value{"null", Null})
	w.Close()
	w.Open("empty")
	w.Close()
	w.Close()
	const want = `{"a":1,"text":"x\"y","raw":[1,{}],"texts":["x","y"],"inside":{"s":"é","n":1.50},"empty":{}}`
	if got := string(w.Bytes()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := Parse(want); err != nil {
		t.Error(err)
	}
}
