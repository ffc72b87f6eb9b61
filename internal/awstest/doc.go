// Package awstest is a stand-in for AWS Secrets Manager, Systems Manager
// Parameter Store and STS, for tests and for running functions on one's own
// machine.
//
// It speaks the real protocol, so the AWS SDKs work with it unchanged when
// their endpoint points at it, and it enforces the contract and records calls.
//
// Emulated are:
//
//   - AWS JSON 1.1 over HTTP: GetSecretValue, BatchGetSecretValue,
//     DescribeSecret, GetParameter, GetParameters, GetParametersByPath and
//     DescribeParameters (filtered by Name and Path), their limits, their paging
//     and the services' own errors;
//   - the Query protocol of STS: AssumeRole and GetCallerIdentity;
//   - Signature Version 4: the signature is computed again, the session token,
//     the clock and the scope are checked. The scope tells the Region, so one
//     server is every Region;
//   - identity policies by action and resource, kms:Decrypt included where an
//     entry names a key of its own, with conditions on kms:ViaService;
//   - roles in any account, their policies and whom they trust, see [Role], and
//     sessions of roles, which expire;
//   - versions, stages, labels, selectors, ARNs whole and partial, several
//     accounts, and secrets read as /aws/reference/secretsmanager/…;
//   - trouble: see [Fault], and for that of connections [Relay].
//
// Some answers are deliberately unhelpful where the services promise nothing:
// batches come in another order than they were asked for, and a page of a tree
// may be short. A SecureString that is not decrypted shows a text that has
// nothing of its value.
//
// Where no public source settles what a service does, this is taken: a secret
// that two ids of one batch name comes once; a name that comes twice in
// GetParameters is a ValidationException; the answer about a parameter that was
// asked for by ARN has its plain name.
//
// Not emulated are: every other action, so values change through methods only;
// other filters; other conditions; session and resource policies, so another
// account's secret is open to whoever names its ARN and has an allowing policy;
// KMS itself; Secrets Manager's paging of a batch too large for one answer;
// throttling, but as a Fault; TLS and host names.
//
// [ReadConfig] reads what a Server holds from a file like this:
//
//	account: "123456789012"
//	region: eu-west-1
//	secrets:
//	  prod/db: {string: '{"user":"app","password":"x"}'}
//	  prod/cert: {binary: AAEC/w==}
//	  prod/db in the US: {name: prod/db, region: us-east-1, string: s}
//	parameters:
//	  /prod/api-key: {type: SecureString, value: x}
//	  plain: {value: v}
//	policy:
//	  Statement:
//	    - {Effect: Allow, Action: ["secretsmanager:*", "sts:AssumeRole"], Resource: "*"}
//	roles:
//	  arn:aws:iam::210987654321:role/reader:
//	    trust: arn:aws:iam::123456789012:role/function-role
//	    policy:
//	      Statement:
//	        - {Effect: Allow, Action: "ssm:Get*", Resource: "*"}
//	faults:
//	  - {action: GetSecretValue, id: prod/db, times: 2, code: ThrottlingException}
package awstest
