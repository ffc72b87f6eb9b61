package awstest

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"strings"
)

const (
	letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	digits  = "0123456789"
)

// only reports whether the text has characters, and only these.
func only(text, characters string) bool {
	return text != "" && strings.Trim(text, characters) == ""
}

// place is where an entry is. No two entries of a service have the same one.
type place struct{ account, region, name string }

// changed is the place with the fields that are not empty replaced.
func (p place) changed(account, region, name string) place {
	return place{cmp.Or(account, p.account), cmp.Or(region, p.region), cmp.Or(name, p.name)}
}

// place is where the entry of a key is that names no place itself.
func (s *Server) place(key string) place { return place{s.account, s.region, key} }

func (p place) check() error {
	if !accountPattern(p.account) {
		return fmt.Errorf("account %q: want twelve digits, in quotes", p.account)
	}
	if !regionPattern(p.region) {
		return fmt.Errorf("region %q: want one like eu-west-1", p.region)
	}
	return nil
}

func accountPattern(account string) bool { return len(account) == 12 && only(account, digits) }

func regionPattern(region string) bool {
	return len(region) <= 63 && only(region, "abcdefghijklmnopqrstuvwxyz-"+digits)
}

// partition is the second field of an ARN in the Region.
func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// arn is an ARN in this place.
func (p place) arn(service, resource string) string {
	return "arn:" + partition(p.region) + ":" + service + ":" + p.region + ":" + p.account + ":" + resource
}

// digest hashes texts; the length before each keeps them apart.
func digest(texts ...string) []byte {
	h := sha256.New()
	for _, text := range texts {
		fmt.Fprintf(h, "%d:%s", len(text), text)
	}
	return h.Sum(nil)[:16]
}

// suffixOf derives the six characters at the end of an ARN, from the name and
// from how many secrets have had it before.
func suffixOf(name string, before int) string {
	const alphabet = letters + digits
	texts := []string{"suffix", name}
	if before > 0 {
		texts = append(texts, fmt.Sprint(before))
	}
	out := make([]byte, 6)
	for i, b := range digest(texts...)[:len(out)] {
		out[i] = alphabet[int(b)%len(alphabet)]
	}
	return string(out)
}

// formatUUID writes bytes as a version 4 UUID.
func formatUUID(b [16]byte) string {
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
