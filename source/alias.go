package source

import (
	"strings"

	"larder/secret"
)

// aliases returns the other keys that the answer showed to mean what k means,
// that by ARN first. Never the name of a secret asked for by ARN: in another
// account's ARN it is another secret's name here.
func aliases(k secret.Key, record *secret.Record) []secret.Key {
	if k.IsTree() || isForeign(k) || !strings.HasPrefix(record.ARN, "arn:") {
		return nil
	}
	var same []secret.Key
	add := func(a secret.Key, err error) {
		a.Role = k.Role
		// An ARN that is not legal, or of another Region, is no key to share.
		if err == nil && a.Region == k.Region && a != k {
			same = append(same, a)
		}
	}
	if k.Service == secret.SecretsManager {
		add(secret.SecretKey(k.Region, record.ARN, k.Version, k.Stage))
		return same
	}
	add(secret.ParameterKey(k.Region, record.ARN, k.Version, k.Stage, k.Decrypt))
	if record.Type != secret.SecureString {
		// What is not encrypted is the same with and without decryption.
		add(secret.ParameterKey(k.Region, record.ARN, k.Version, k.Stage, !k.Decrypt))
		if k.ID != record.ARN {
			add(secret.ParameterKey(k.Region, k.ID, k.Version, k.Stage, !k.Decrypt))
		}
	}
	return same
}
