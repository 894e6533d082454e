package config

// list is the array at key; anything else is a problem.
func (s *Section) list(key, accepted string) []any {
	v, ok := s.get(key)
	if !ok {
		return nil
	}
	l, ok := v.([]any)
	if tables, isTables := v.([]map[string]any); isTables && len(tables) == 0 {
		return nil
	}
	if !ok {
		s.Fail(key, accepted)
	}
	return l
}

// Strings is the list of strings at key, nil when absent. Elements of another
// type are problems and left out.
func (s *Section) Strings(key string) []string {
	return parseList(s, key, "a list of strings, such as [\"a\", \"b\"]", "a string in quotes", func(v any) (string, bool) {
		str, ok := v.(string)
		return str, ok
	})
}

// Ints is the list of whole numbers at key, each from min to max; max 0 is no
// upper limit.
func (s *Section) Ints(key string, min, max int) []int {
	accepted := "a number " + rangeText(min, max)
	return parseList(s, key, "a list of numbers "+rangeText(min, max), accepted, func(v any) (int, bool) {
		return inRange(v, min, max)
	})
}

// parseList reads an array element by element; what parse refuses is recorded
// with the element's own line and left out.
func parseList[T any](s *Section, key, list, element string, parse func(any) (T, bool)) []T {
	var out []T
	for i, e := range s.list(key, list) {
		v, ok := parse(e)
		if !ok {
			s.failItem(key, i, e, element)
			continue
		}
		out = append(out, v)
	}
	return out
}
