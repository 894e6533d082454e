package main

import "encoding/json"

// show prints the answer to a question or an order: with --json as it came, else in the words of print.
func show[T any](a *app, raw json.RawMessage, err error, print func(T)) error {
	if err != nil {
		return err
	}
	if a.json {
		return a.printRaw(raw)
	}
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	print(v)
	return nil
}
