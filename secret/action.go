package secret

// The IAM actions behind the calls to AWS, which policies allow and errors name.
// GetCallerIdentity needs no permission. AssumeRole is what the function's own
// role needs where a key is read with another one, which has to trust it, too.
const (
	GetSecretValue      = "secretsmanager:GetSecretValue"
	BatchGetSecretValue = "secretsmanager:BatchGetSecretValue"
	DescribeSecret      = "secretsmanager:DescribeSecret"
	GetParameter        = "ssm:GetParameter"
	GetParameters       = "ssm:GetParameters"
	GetParametersByPath = "ssm:GetParametersByPath"
	DescribeParameters  = "ssm:DescribeParameters"
	Decrypt             = "kms:Decrypt"
	AssumeRole          = "sts:AssumeRole"
	GetCallerIdentity   = "sts:GetCallerIdentity"
)
