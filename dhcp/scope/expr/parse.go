package expr

import (
	"strconv"

	"loadshare/dhcp/option"
)

// Bounds of a text, and of what it makes.
const (
	MaxSize  = 4096 // octets of a text
	MaxDepth = 50   // conditions and values within each other
	MaxMade  = 2048 // octets of a value that is not in the message as it is
)

// Test is a condition ready to be asked.
type Test struct {
	cond    cond
	members []Member
}

// Member is a class that a test asks for, and where it does.
type Member struct {
	Class  string
	Column int
}

// Members are the classes that the test asks for.
func (t *Test) Members() []Member { return t.members }

// Eval says whether the condition holds. It changes nothing and may be called by several at once.
func (t *Test) Eval(e *Env) bool { return t.cond(e) }

// Parse reads a condition. names is the number of an option by its name. The error is an *Error.
func Parse(text string, names func(string) (option.Code, bool)) (*Test, error) {
	if len(text) > MaxSize {
		return nil, &Error{Column: 1, What: "the test has " + strconv.Itoa(len(text)) + " octets; at most " + strconv.Itoa(MaxSize) + " are read"}
	}
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := &parser{text: text, tokens: tokens, names: names}
	t := p.either()
	if p.err == nil && t.cond == nil {
		p.fail(t.at, "a condition is wanted, and this is a value; compare it with ==")
	}
	if p.err == nil && p.peek().kind != end {
		p.fail(p.peek().at, "nothing is expected after the condition, but "+p.peek().text+" is there")
	}
	if p.err != nil {
		return nil, p.err
	}
	return &Test{cond: t.cond, members: p.members}, nil
}

// term is a condition or a value; exactly one is set unless there was an error.
type term struct {
	at    int
	cond  cond
	value value
}

// parser goes through the tokens once. After the first error it stops where it is: every read returns end.
type parser struct {
	text    string
	tokens  []token
	names   func(string) (option.Code, bool)
	depth   int
	members []Member
	err     *Error
}

func (p *parser) fail(at int, what string) {
	if p.err == nil {
		p.err = errorAt(p.text, at, what)
	}
}

func (p *parser) peek() token {
	if p.err != nil {
		return token{kind: end, at: len(p.text)}
	}
	return p.tokens[0]
}

func (p *parser) take() token {
	t := p.peek()
	if t.kind != end {
		p.tokens = p.tokens[1:]
	}
	return t
}

// accept takes the next token when it is that word or mark.
func (p *parser) accept(text string) bool {
	if t := p.peek(); (t.kind == word || t.kind == mark) && t.text == text {
		p.take()
		return true
	}
	return false
}

// want takes the next token, which must be that mark.
func (p *parser) want(text string) {
	if !p.accept(text) {
		p.fail(p.peek().at, text+" is expected")
	}
}

// enter goes one level deeper; the caller leaves it with p.depth--.
func (p *parser) enter() {
	if p.depth++; p.depth > MaxDepth {
		p.fail(p.peek().at, "conditions and values are more than "+strconv.Itoa(MaxDepth)+" deep")
	}
}

// either is conditions joined by or.
func (p *parser) either() term {
	return p.joined("or", p.both, func(all []cond) cond {
		return func(e *Env) bool {
			for _, c := range all {
				if c(e) {
					return true
				}
			}
			return false
		}
	})
}

// both is conditions joined by and.
func (p *parser) both() term {
	return p.joined("and", p.negated, func(all []cond) cond {
		return func(e *Env) bool {
			for _, c := range all {
				if !c(e) {
					return false
				}
			}
			return true
		}
	})
}

func (p *parser) joined(by string, one func() term, join func([]cond) cond) term {
	t := one()
	if k := p.peek(); k.kind != word || k.text != by {
		return t
	}
	all := []cond{p.condition(t)}
	for p.accept(by) {
		all = append(all, p.condition(one()))
	}
	return term{at: t.at, cond: join(all)}
}

func (p *parser) negated() term {
	at := p.peek().at
	if !p.accept("not") {
		return p.compared()
	}
	p.enter()
	defer func() { p.depth-- }()
	c := p.condition(p.negated())
	return term{at: at, cond: func(e *Env) bool { return !c(e) }}
}

// compared is a == b, or what stands alone.
func (p *parser) compared() term {
	t := p.sum()
	if !p.accept("==") {
		return t
	}
	a, b := p.wantValue(t), p.wantValue(p.sum())
	return term{at: t.at, cond: func(e *Env) bool { return string(a(e)) == string(b(e)) }}
}

// sum is values joined by +.
func (p *parser) sum() term {
	t := p.primary()
	if k := p.peek(); k.kind != mark || k.text != "+" {
		return t
	}
	all := []value{p.wantValue(t)}
	for p.accept("+") {
		all = append(all, p.wantValue(p.primary()))
	}
	return term{at: t.at, value: concat(all)}
}

// condition is the term's, which must be one.
func (p *parser) condition(t term) cond {
	if t.cond == nil {
		p.fail(t.at, "a condition is wanted, and this is a value; compare it with ==")
	}
	return t.cond
}

// wantValue is the term's, which must be one.
func (p *parser) wantValue(t term) value {
	if t.value == nil {
		p.fail(t.at, "a value is wanted, and this is a condition")
	}
	return t.value
}
