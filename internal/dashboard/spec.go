package dashboard

import (
	"net/url"
	"strconv"
	"strings"
)

// kind is how a field of a form is written in a spec.
type kind int

const (
	text    kind = iota
	flag         // true or absent
	whole        // a whole number
	lines        // a list of texts
	several      // a list of texts that are ticked
)

// specField is a place of a spec, such as autoCreate.minSeverity, that a form shows. What a form does not show stays as it is.
type specField struct {
	path string
	kind kind
}

// at is the value at a path of a spec; nil when there is none.
func at(spec map[string]any, path string) any {
	first, rest, more := strings.Cut(path, ".")
	if !more {
		return spec[first]
	}
	inner, _ := spec[first].(map[string]any)
	return at(inner, rest)
}

// set writes a value to a path of a spec, or takes it out when the value is nil, and with it what is empty then.
func set(spec map[string]any, path string, value any) {
	first, rest, more := strings.Cut(path, ".")
	if !more {
		if value == nil {
			delete(spec, first)
		} else {
			spec[first] = value
		}
		return
	}
	inner, ok := spec[first].(map[string]any)
	if !ok {
		if value == nil {
			return
		}
		inner = map[string]any{}
		spec[first] = inner
	}
	if set(inner, rest, value); len(inner) == 0 {
		delete(spec, first)
	}
}

// values are a spec as its form shows it.
func values(fields []specField, spec map[string]any) url.Values {
	out := url.Values{}
	for _, f := range fields {
		name := "spec." + f.path
		switch v := at(spec, f.path).(type) {
		case string:
			out.Set(name, v)
		case bool:
			if v {
				out.Set(name, "true")
			}
		case float64:
			out.Set(name, strconv.FormatFloat(v, 'f', -1, 64))
		case []any:
			var all []string
			for _, one := range v {
				if s, ok := one.(string); ok {
					all = append(all, s)
				}
			}
			if f.kind == lines {
				all = []string{strings.Join(all, "\n")}
			}
			out[name] = all
		}
	}
	return out
}

// fill writes what a form says into a spec.
func (f *form) fill(fields []specField, spec map[string]any) {
	for _, one := range fields {
		name := "spec." + one.path
		switch one.kind {
		case text:
			set(spec, one.path, orNil(f.get(name)))
		case flag:
			set(spec, one.path, map[bool]any{true: true}[f.checked(name)])
		case whole:
			n, err := strconv.Atoi(f.get(name))
			switch {
			case f.get(name) == "":
				set(spec, one.path, nil)
			case err != nil:
				f.wrong(name, "Write a whole number, or leave it empty.")
			default:
				set(spec, one.path, n)
			}
		case lines:
			set(spec, one.path, orNone(f.lines(name)))
		case several:
			set(spec, one.path, orNone(f.all(name)))
		}
	}
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func orNone(all []string) any {
	if len(all) == 0 {
		return nil
	}
	return all
}
