// Larder is an external Lambda extension that prefetches a function's secrets
// and parameters and serves them over localhost. Lambda starts it, without
// arguments, from /opt/extensions. With arguments it is a tool for people: see
// larder help.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
)

func main() {
	log.SetOutput(io.Discard) // net/http prints what a peer sends after an answer; our own log is another
	confine()
	if len(os.Args) > 1 {
		os.Exit(run(context.Background(), os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
	}
	if extend(context.Background(), os.Args[0], os.Environ(), os.Stdout) != nil {
		os.Exit(1)
	}
}

const usage = `usage: larder check [--env-file FILE] [--online] [--describe] [--json]
       larder version
       larder help

Lambda starts larder without arguments: then it is the extension.

check validates a function's settings and references, counts the calls that they
make to AWS, and prints the least IAM policy for them.

  --env-file FILE  read them from FILE, or from standard input where it is -, in
                   place of the environment: one NAME=value a line, or JSON as
                   the AWS CLI and AWS SAM have it. Of the environment, variables
                   that start with AWS_ count where FILE has none: Region,
                   credentials, endpoints
  --online         fetch what is declared, as the extension does when it starts,
                   with the credentials of the environment. No value is shown.
                   HTTPS_PROXY and NO_PROXY of this machine count, not FILE's
  --describe       as --online, and look up the KMS keys, so that the policy names
                   them. This takes secretsmanager:DescribeSecret and
                   ssm:DescribeParameters
  --json           print one JSON object in place of the text

Exit codes:
  0  all is right; there may be warnings
  1  something is to be mended: a setting, a reference, a secret, a permission
  2  the arguments are wrong, or FILE cannot be read
  3  AWS could not be asked: network, throttling, credentials

JSON:
  identity      arn, account, region; left out where STS did not say
  references    variable, reference, source, region, role, state; version, changed,
                ageSeconds and size (bytes) of a value; problem, action. A state is
                ok, absent, wrong, unanswered or unasked
  mistakes      what is to be mended besides, failures why AWS was not asked;
                warnings and notes: texts
  calls         coldStart, actions, refreshes (ttlSeconds, calls), rolesPerHour
  policy        of the function's role; rolePolicies by the ARN of each other role
  exitCode      as above
`

// Exit codes of the tools; the extension's are Lambda's affair.
const (
	exitRight = iota
	exitWrong
	exitUsage
	exitUnasked
)

// run does what the arguments say, of which there is one at least.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	var err error
	switch command, rest := args[0], args[1:]; {
	case isHelp(command), command == "check" && len(rest) > 0 && isHelp(rest[0]):
		fmt.Fprint(stdout, usage)
		return exitRight
	case command == "version" && len(rest) == 0:
		fmt.Fprintln(stdout, versionLine())
		return exitRight
	case command == "check":
		var o checkOptions
		if o, err = parseCheck(rest, environ); err == nil {
			return check(ctx, o, stdout)
		}
	default:
		err = fmt.Errorf("no such command or argument: Lambda starts larder without any")
	}
	fmt.Fprintf(stderr, "larder: %v\n\n%s", err, usage)
	return exitUsage
}

func isHelp(arg string) bool { return arg == "help" || arg == "-h" || arg == "--help" }
