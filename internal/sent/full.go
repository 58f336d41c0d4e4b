package sent

import "reflect"

// Empty returns the names of the exported fields of the struct v, and of the structs in it, that have
// no value: a test that shows everything a call can send fills all of them.
func Empty(v any) []string {
	var names []string
	value := reflect.Indirect(reflect.ValueOf(v))
	for field, f := range value.Fields() {
		switch {
		case !field.IsExported() || field.Name == "Unknown":
		case f.IsZero():
			names = append(names, field.Name)
		case f.Kind() == reflect.Struct:
			for _, name := range Empty(f.Interface()) {
				names = append(names, field.Name+"."+name)
			}
		}
	}
	return names
}
