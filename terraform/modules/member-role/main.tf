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
  description = "Name of the role: MEMBER_ROLE of the deployment."
  type        = string
  default     = "sleuth-member"
  nullable    = false
}

variable "function_role_arn" {
  description = "ARN of the function's role in the home account, the only one that may assume this role: the output role_arn of the deployment."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$", var.function_role_arn))
    error_message = "function_role_arn must be the ARN of a role."
  }
}

variable "external_id" {
  description = "EXTERNAL_ID of the deployment, which whoever assumes the role must give."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_+=,.@:/-]{2,}$", var.external_id)) && length(var.external_id) <= 1224
    error_message = "external_id must be 2 to 1224 letters, digits and _+=,.@:/-."
  }
}

variable "enable_auto_expire" {
  description = "ENABLE_AUTO_EXPIRE of the deployment. Without it the role cannot change a key."
  type        = bool
  default     = false
  nullable    = false
}

variable "credential_report" {
  description = "Whether INVENTORY of the deployment is credential-report."
  type        = bool
  default     = false
  nullable    = false
}

variable "tags" {
  description = "Tags of the role."
  type        = map(string)
  default     = {}
}

data "aws_partition" "current" {}

data "aws_caller_identity" "current" {}

locals {
  users = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:user/*"
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = [var.function_role_arn]
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
    actions   = ["iam:ListAccountAliases", "iam:ListUsers", "sts:GetCallerIdentity"]
    resources = ["*"] # these take no resource
  }

  statement {
    sid       = "ReadKeys"
    actions   = ["iam:GetAccessKeyLastUsed", "iam:ListAccessKeys", "iam:ListUserTags"]
    resources = [local.users]
  }

  dynamic "statement" {
    for_each = var.credential_report ? ["*"] : []
    content {
      sid       = "ReadCredentialReport"
      actions   = ["iam:GenerateCredentialReport", "iam:GetCredentialReport"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = var.enable_auto_expire ? [local.users] : []
    content {
      sid       = "DisableKeys"
      actions   = ["iam:UpdateAccessKey"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role" "member" {
  name               = var.name
  description        = "What Sleuth may do in this account."
  assume_role_policy = data.aws_iam_policy_document.trust.json
  tags               = var.tags
}

resource "aws_iam_role_policy" "member" {
  name   = "sleuth"
  role   = aws_iam_role.member.id
  policy = data.aws_iam_policy_document.sleuth.json
}

output "role_arn" {
  description = "ARN of the role."
  value       = aws_iam_role.member.arn
}
