# The role that Sleuth assumes in an account that it covers. The same as
# deploy/member-role.yaml, for accounts that Terraform manages.

terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "name" {
  description = "Name of the role: SLEUTH_MEMBER_ROLE of the deployment."
  type        = string
  default     = "sleuth-member"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_+=,.@-]{1,64}$", var.name))
    error_message = "name must be the name of a role, up to 64 letters, digits and _+=,.@-."
  }
}

variable "function_role_arn" {
  description = "ARN of the function's role in the home account, the only one that may assume this role: the output role_arn of the deployment. It need not exist yet."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$", var.function_role_arn))
    error_message = "function_role_arn must be the ARN of a role."
  }
}

variable "external_id" {
  description = "SLEUTH_EXTERNAL_ID of the deployment, which whoever assumes the role must give."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_+=,.@:/-]{2,}$", var.external_id)) && length(var.external_id) <= 1224
    error_message = "external_id must be 2 to 1224 letters, digits and _+=,.@:/-."
  }
}

variable "enable_auto_expire" {
  description = "ENABLE_AUTO_EXPIRE of the deployment. Without it, and without disable_leaked, the role cannot change a key."
  type        = bool
  default     = false
  nullable    = false
}

variable "disable_leaked" {
  description = "Whether SLEUTH_LEAK_RESPONSE of the deployment is disable."
  type        = bool
  default     = false
  nullable    = false
}

variable "delete_disabled" {
  description = "Whether SLEUTH_DELETE_AFTER_DAYS of the deployment is set. Has no effect without enable_auto_expire."
  type        = bool
  default     = false
  nullable    = false
}

variable "trace" {
  description = "SLEUTH_TRACE of the deployment."
  type        = bool
  default     = false
  nullable    = false
}

variable "list_api_keys" {
  description = "Whether API keys of services are listed: SLEUTH_EVIDENCE of the deployment is set and its SLEUTH_CREDENTIALS is all, or the role is used by audit."
  type        = bool
  default     = false
  nullable    = false
}

variable "rules" {
  description = "Whether the deployment has SLEUTH_RULES that go by groups or console passwords."
  type        = bool
  default     = false
  nullable    = false
}

variable "security_hub_region" {
  description = "Region of the deployment, if its SLEUTH_SECURITY_HUB is securityhub: findings are kept in this account's Security Hub there. Null: none are."
  type        = string
  default     = null

  validation {
    condition     = var.security_hub_region == null ? true : can(regex("^$|^[a-z]{2}(-[a-z]+)+-[0-9]+$", var.security_hub_region))
    error_message = "security_hub_region must be a region, such as us-east-1."
  }
}

variable "path" {
  description = "Path of the role, which SLEUTH_MEMBER_ROLE then begins with: see the output member_role."
  type        = string
  default     = "/"
  nullable    = false

  validation {
    condition     = can(regex("^/([!-~]+/)?$", var.path))
    error_message = "path must begin and end with a slash, such as /security/."
  }
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds the role, where your organization asks for one."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null ? true : can(regex("^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/", var.permissions_boundary))
    error_message = "permissions_boundary must be the ARN of an IAM policy."
  }
}

variable "tags" {
  description = "Tags of the role."
  type        = map(string)
  default     = {}
}

data "aws_partition" "current" {}

data "aws_caller_identity" "current" {}

locals {
  partition  = data.aws_partition.current.partition
  account_id = data.aws_caller_identity.current.account_id
  users      = "arn:${local.partition}:iam::${local.account_id}:user/*"
  findings   = [for region in [var.security_hub_region] : "arn:${local.partition}:securityhub:${region}:${local.account_id}" if region != null && region != ""]
}

# The function's role is named in a condition: as a principal, IAM would refuse
# it until it exists, and would not recognize it once it was created again.
data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${split(":", var.function_role_arn)[4]}:root"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = [var.function_role_arn]
    }
    condition {
      test     = "StringEquals"
      variable = "sts:ExternalId"
      values   = [var.external_id]
    }
  }
}

# The same as 'sleuth iam-policy --for member' prints.
data "aws_iam_policy_document" "sleuth" {
  statement {
    sid       = "ListUsers"
    actions   = ["iam:GenerateCredentialReport", "iam:GetAccountAuthorizationDetails", "iam:GetCredentialReport", "iam:ListAccountAliases", "iam:ListUsers", "sts:GetCallerIdentity"]
    resources = ["*"] # these take no resource
  }

  statement {
    sid       = "ReadKeys"
    actions   = ["iam:GetAccessKeyLastUsed", "iam:ListAccessKeys", "iam:ListUserTags"]
    resources = [local.users]
  }

  dynamic "statement" {
    for_each = var.list_api_keys ? ["*"] : []
    content {
      sid       = "ListAPIKeys"
      actions   = ["iam:ListServiceSpecificCredentials"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = var.rules ? [local.users] : []
    content {
      sid       = "ReadConsolePasswords"
      actions   = ["iam:GetLoginProfile"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = var.rules ? ["arn:${local.partition}:iam::${local.account_id}:group/*"] : []
    content {
      sid       = "ReadGroups"
      actions   = ["iam:GetGroup"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = var.enable_auto_expire || var.disable_leaked ? [local.users] : []
    content {
      sid       = "DisableKeys"
      actions   = ["iam:UpdateAccessKey"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = var.enable_auto_expire && var.delete_disabled ? [local.users] : []
    content {
      sid       = "DeleteKeys"
      actions   = ["iam:DeleteAccessKey"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = var.trace ? ["*"] : []
    content {
      sid       = "LookUpCalls"
      actions   = ["cloudtrail:LookupEvents"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = var.trace && local.partition == "aws" ? ["arn:${local.partition}:account::${local.account_id}:account"] : []
    content {
      sid       = "ListRegions"
      actions   = ["account:ListRegions"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = local.findings
    content {
      sid       = "ReadFindings"
      actions   = ["securityhub:GetFindings"]
      resources = ["${statement.value}:hub/default"]
    }
  }

  dynamic "statement" {
    for_each = local.findings
    content {
      sid       = "KeepFindings"
      actions   = ["securityhub:BatchImportFindings"]
      resources = ["${statement.value}:product/${local.account_id}/default"]
    }
  }
}

resource "aws_iam_role" "member" {
  name                 = var.name
  path                 = var.path
  description          = "What Sleuth may do in this account."
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags
}

resource "aws_iam_role_policy" "member" {
  name   = "sleuth"
  role   = aws_iam_role.member.id
  policy = data.aws_iam_policy_document.sleuth.json
}

output "member_role" {
  description = "SLEUTH_MEMBER_ROLE for this role: its name, with its path."
  value       = trimprefix("${var.path}${aws_iam_role.member.name}", "/")
}

output "role_arn" {
  description = "ARN of the role."
  value       = aws_iam_role.member.arn
}
