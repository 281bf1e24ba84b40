package infer

import (
	"encoding/json"
	"errors"
	"io"
)

const maxDepth = 48

var errDepth = errors.New("nested too deeply")

// object is a JSON object that knows the order of its members.
type object struct {
	keys   []string
	values map[string]any
}

// decodeValue reads one value: string, json.Number, bool, nil, []any or *object.
// With an error comes what was read before it: a sample may end anywhere.
func decodeValue(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	tok, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch tok {
	case json.Delim('['):
		return decodeArray(d, depth)
	case json.Delim('{'):
		return decodeObject(d, depth)
	}
	return tok, nil
}

func decodeArray(d *json.Decoder, depth int) (any, error) {
	list := []any{}
	for d.More() {
		v, err := decodeValue(d, depth+1)
		if err != nil {
			return list, err
		}
		list = append(list, v)
	}
	_, err := d.Token()
	return list, err
}

func decodeObject(d *json.Decoder, depth int) (any, error) {
	o := &object{values: map[string]any{}}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return o, err
		}
		name, ok := key.(string)
		if !ok {
			return o, io.ErrUnexpectedEOF
		}
		v, err := decodeValue(d, depth+1)
		if v != nil || err == nil {
			if _, twice := o.values[name]; !twice {
				o.keys = append(o.keys, name)
			}
			o.values[name] = v
		}
		if err != nil {
			return o, err
		}
	}
	_, err := d.Token()
	return o, err
}
