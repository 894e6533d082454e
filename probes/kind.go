package probes

// Kind is the protocol a probe speaks. The empty Kind is TCP.
type Kind string

// The kinds. What each one needs and proves is tabled in the package comment.
const (
	TCP   Kind = "tcp"
	TLS   Kind = "tls"
	HTTP  Kind = "http"
	HTTPS Kind = "https"
	SMTP  Kind = "smtp"
	POP3  Kind = "pop3"
	IMAP  Kind = "imap"
	FTP   Kind = "ftp"
	NNTP  Kind = "nntp"
	SSH   Kind = "ssh"
	DNS   Kind = "dns"
	ICMP  Kind = "icmp"
	GRPC  Kind = "grpc"
	Exec  Kind = "exec"
)

// Kinds lists every kind, in the order of the manual.
func Kinds() []Kind {
	return []Kind{TCP, TLS, HTTP, HTTPS, SMTP, POP3, IMAP, FTP, NNTP, SSH, DNS, ICMP, GRPC, Exec}
}

// defaultPort is the port a kind is found at when neither a port nor a service is given; 0 is none.
func (k Kind) defaultPort(tls bool) uint16 {
	switch k {
	case HTTP:
		return 80
	case HTTPS:
		return 443
	case SMTP:
		return pick(tls, 465, 25)
	case POP3:
		return pick(tls, 995, 110)
	case IMAP:
		return pick(tls, 993, 143)
	case FTP:
		return 21
	case NNTP:
		return pick(tls, 563, 119)
	case SSH:
		return 22
	case DNS:
		return 53
	default:
		return 0
	}
}

// hasPort says whether the kind is a question to a port at all.
func (k Kind) hasPort() bool { return k != ICMP && k != Exec }

// greetsFirst says whether the service of that name speaks before it is spoken to.
func greetsFirst(service string) bool {
	switch service {
	case "smtp", "mail", "submission", "smtps", "submissions", "ssmtp",
		"pop3", "pop-3", "pop3s", "imap", "imap2", "imaps", "ftp", "nntp", "nntps", "ssh":
		return true
	default:
		return false
	}
}

func pick(b bool, yes, no uint16) uint16 {
	if b {
		return yes
	}
	return no
}
