package config

// Variable is the environment variable that sets a key, as section.key; "" if there is no such key.
func Variable(name string) string {
	for _, k := range keys {
		if k.name == name {
			return k.variable()
		}
	}
	return ""
}
