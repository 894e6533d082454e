package config

// File is the name of the file at key, resolved against the configuration's
// directory. It must be a regular file that this process may read, else it is a
// problem and "" is returned; "" also when the key is absent.
func (s *Section) File(key string) string {
	name := s.String(key, "")
	if !s.isString(key) {
		return ""
	}
	if name == "" {
		s.Fail(key, "the name of a readable file")
		return ""
	}
	path := s.doc.resolve(name)
	if err := readable(path); err != nil {
		s.Fail(key, "the name of a readable file ("+path+": "+fileReason(err)+")")
		return ""
	}
	return path
}

// Path is the file name at key, or def when absent, resolved against the
// configuration's directory. Nothing needs to exist there.
func (s *Section) Path(key, def string) string {
	name := s.String(key, def)
	if s == nil {
		return name
	}
	if name == "" && s.Has(key) && s.isString(key) {
		s.Fail(key, "a file name that is not empty")
		name = def
	}
	return s.doc.resolve(name)
}
