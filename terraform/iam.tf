# Two roles: the function's, with what Sleuth calls and what Lambda does in its
# name, and the schedule's, which can start the function and nothing else. Roles
# that exist are used as they are: the output policies is what they must allow.

data "aws_partition" "current" {}

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

locals {
  roles = var.existing_roles == null ? {
    function      = one(aws_iam_role.function[*].arn)
    schedule      = one(aws_iam_role.schedule[*].arn)
    state_machine = one(aws_iam_role.state_machine[*].arn)
  } : var.existing_roles

  makes_roles = var.existing_roles == null ? 1 : 0

  partition  = data.aws_partition.current.partition
  account_id = data.aws_caller_identity.current.account_id
  region     = data.aws_region.current.id
  here       = "${local.region}:${local.account_id}"
  users      = "arn:${local.partition}:iam::${local.account_id}:user/*"

  # What is kept elsewhere. Of each reference the name, without a version or
  # label.
  references = distinct(local.channel_secrets)

  parameter_names = [for text in local.references : trimprefix(text, "ssm:") if startswith(text, "ssm:")]
  parameters = distinct([
    for name in local.parameter_names : startswith(name, "arn:")
    ? replace(name, "/^((?:[^:]*:){5}[^:]*):[^:]*$/", "$1")
    : "arn:${local.partition}:ssm:${local.here}:parameter/${trimprefix(replace(name, "/:[^:/]+$/", ""), "/")}"
  ])

  # Secrets Manager puts a hyphen and six characters behind a secret's name.
  secret_names = [for text in local.references : trimprefix(text, "secretsmanager:") if startswith(text, "secretsmanager:")]
  secrets = [
    for name in local.secret_names : startswith(name, "arn:") ? name : "arn:${local.partition}:secretsmanager:${local.here}:secret:${name}-??????"
  ]

  # SES asks for the identity that it has verified: the address, or its domain.
  senders = [for text in [var.email_from] : regex("[^<>@[:space:]]+@[A-Za-z0-9.-]+", text) if text != null && text != ""]
  identities = [
    for name in flatten([for address in local.senders : [address, split("@", address)[1]]]) : "arn:${local.partition}:ses:${local.here}:identity/${name}"
  ]

  # Of the evidence, what its objects' ARNs begin with.
  evidence = [for place in [var.evidence] : trimsuffix(trimprefix(place, "s3://"), "/") if place != null && place != ""]

  # What must be read to know which rule is a user's; of rules that are kept elsewhere,
  # all of it.
  matches        = var.rules == null ? [] : var.rules.rules[*].match
  unknown_rules  = var.rules == null && var.rules_source != null
  reads_groups   = local.unknown_rules || anytrue([for match in local.matches : match.group != null])
  reads_password = local.unknown_rules || anytrue([for match in local.matches : match.console_password != null])
  reads_units    = (local.unknown_rules || anytrue([for match in local.matches : match.ou != null])) && !contains(var.accounts, "organization")

  # Rules that are kept in a parameter or an object.
  rules_source = var.rules_source == null ? "" : var.rules_source
  rules_parameters = [
    for name in [trimprefix(local.rules_source, "ssm:")] : startswith(name, "arn:")
    ? replace(name, "/^((?:[^:]*:){5}[^:]*):[^:]*$/", "$1")
    : "arn:${local.partition}:ssm:${local.here}:parameter/${trimprefix(replace(name, "/:[^:/]+$/", ""), "/")}"
    if startswith(local.rules_source, "ssm:")
  ]
  rules_objects = [
    for name in [trimprefix(local.rules_source, "s3://")] : "arn:${local.partition}:s3:::${name}" if startswith(local.rules_source, "s3://")
  ]

  keeps_findings = var.security_hub == "securityhub"

  tables = [for table in [trimprefix(local.state, "dynamodb:")] : "arn:${local.partition}:dynamodb:${local.here}:table/${table}" if table != "none"]

  # The role in each account that is covered.
  member_roles = [
    for account in(contains(var.accounts, "organization") ? ["*"] : distinct(var.accounts)) : "arn:${local.partition}:iam::${account}:role/${var.member_role}"
  ]

  kms_keys = distinct(compact([var.kms_key_arn, var.secret_kms_key_arn]))
}

# What Sleuth calls: the same as 'sleuth iam-policy' prints for these settings.
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
    for_each = length(local.evidence) > 0 && var.credentials == "all" ? ["*"] : []
    content {
      sid       = "ListAPIKeys"
      actions   = ["iam:ListServiceSpecificCredentials"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = local.reads_password ? [local.users] : []
    content {
      sid       = "ReadConsolePasswords"
      actions   = ["iam:GetLoginProfile"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = local.reads_units ? ["*"] : []
    content {
      sid       = "ReadUnitsOfRules"
      actions   = ["organizations:ListAccountsForParent", "organizations:ListOrganizationalUnitsForParent"]
      resources = [statement.value] # these take no resource that would narrow them
    }
  }

  dynamic "statement" {
    for_each = local.reads_groups ? ["arn:${local.partition}:iam::${local.account_id}:group/*"] : []
    content {
      sid       = "ReadGroups"
      actions   = ["iam:GetGroup"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = local.rules_parameters
    content {
      sid       = "ReadRules"
      actions   = ["ssm:GetParameter"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = local.rules_objects
    content {
      sid       = "ReadRules"
      actions   = ["s3:GetObject"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = var.enable_auto_expire || var.leak_response == "disable" ? [local.users] : []
    content {
      sid       = "DisableKeys"
      actions   = ["iam:UpdateAccessKey"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = var.enable_auto_expire && var.delete_after_days != null ? [local.users] : []
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
    for_each = local.keeps_findings ? ["arn:${local.partition}:securityhub:${local.here}:hub/default"] : []
    content {
      sid       = "ReadFindings"
      actions   = ["securityhub:GetFindings"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = local.keeps_findings ? ["arn:${local.partition}:securityhub:${local.here}:product/${local.account_id}/default"] : []
    content {
      sid       = "KeepFindings"
      actions   = ["securityhub:BatchImportFindings"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = contains(var.accounts, "organization") ? ["*"] : []
    content {
      sid = "ListAccounts"
      actions = [
        "organizations:DescribeOrganization",
        "organizations:ListAccounts",
        "organizations:ListAccountsForParent",
        "organizations:ListOrganizationalUnitsForParent",
      ]
      resources = [statement.value] # these take no resource that would narrow them
    }
  }

  dynamic "statement" {
    for_each = length(local.member_roles) > 0 ? [local.member_roles] : []
    content {
      sid       = "EnterAccounts"
      actions   = ["sts:AssumeRole"]
      resources = statement.value
    }
  }

  dynamic "statement" {
    for_each = local.results_buckets
    content {
      sid       = "KeepResults"
      actions   = ["s3:GetObject", "s3:PutObject"]
      resources = ["arn:${local.partition}:s3:::${statement.value}/runs/*"]
    }
  }

  dynamic "statement" {
    for_each = local.results_buckets # without it S3 answers alike for a missing object and a forbidden one
    content {
      sid       = "FindResults"
      actions   = ["s3:ListBucket"]
      resources = ["arn:${local.partition}:s3:::${statement.value}"]
    }
  }

  dynamic "statement" {
    for_each = { for sid, call in local.channel_calls : sid => call if length(call.targets) > 0 }
    content {
      sid       = statement.key
      actions   = [statement.value.action]
      resources = flatten([for target in statement.value.targets : startswith(target, "arn:") ? tolist([target]) : tolist(local.identities)])
    }
  }

  dynamic "statement" {
    for_each = local.evidence
    content {
      sid       = "KeepEvidence"
      actions   = ["s3:PutObject"]
      resources = ["arn:${local.partition}:s3:::${statement.value}/*"]
    }
  }

  dynamic "statement" {
    for_each = var.evidence_kms_key_arn[*]
    content {
      sid       = "EncryptEvidence"
      actions   = ["kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = length(local.parameters) > 0 ? [local.parameters] : []
    content {
      sid       = "ReadParameters"
      actions   = ["ssm:GetParameter"]
      resources = statement.value
    }
  }

  dynamic "statement" {
    for_each = length(local.secrets) > 0 ? [local.secrets] : []
    content {
      sid       = "ReadSecrets"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = statement.value
    }
  }

  dynamic "statement" {
    for_each = local.tables
    content {
      sid       = "KeepState"
      actions   = ["dynamodb:Query", "dynamodb:Scan", "dynamodb:PutItem", "dynamodb:DeleteItem"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = length(local.kms_keys) > 0 ? [local.kms_keys] : []
    content {
      sid       = "Decrypt"
      actions   = ["kms:Decrypt"]
      resources = statement.value
    }
  }
}

# What Lambda does in the function's name.
data "aws_iam_policy_document" "runtime" {
  statement {
    sid       = "WriteLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.sleuth.arn}:*"]
  }

  statement {
    sid       = "KeepFailedEvents"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.dead_letters.arn]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn[*]
    content {
      sid       = "EncryptFailedEvents"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = var.vpc[*]
    content {
      sid = "JoinVPC"
      actions = [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
      ]
      resources = ["*"] # Lambda names its interfaces itself
    }
  }
}

data "aws_iam_policy_document" "function_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "function" {
  count = local.makes_roles

  name                 = var.name
  description          = "What ${var.name} may do."
  assume_role_policy   = data.aws_iam_policy_document.function_trust.json
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags
}

resource "aws_iam_role_policy" "sleuth" {
  count = local.makes_roles

  name   = "sleuth"
  role   = aws_iam_role.function[0].id
  policy = data.aws_iam_policy_document.sleuth.json
}

resource "aws_iam_role_policy" "runtime" {
  count = local.makes_roles

  name   = "runtime"
  role   = aws_iam_role.function[0].id
  policy = data.aws_iam_policy_document.runtime.json
}

data "aws_iam_policy_document" "schedule_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

data "aws_iam_policy_document" "schedule" {
  dynamic "statement" {
    for_each = var.step_functions ? [] : [aws_lambda_function.sleuth.arn]
    content {
      sid       = "StartFunction"
      actions   = ["lambda:InvokeFunction"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = aws_sfn_state_machine.organization[*].arn
    content {
      sid       = "StartStateMachine"
      actions   = ["states:StartExecution"]
      resources = [statement.value]
    }
  }

  statement {
    sid       = "KeepFailedEvents"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.dead_letters.arn]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn[*]
    content {
      sid       = "UseKey"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role" "schedule" {
  count = local.makes_roles

  name                 = "${var.name}-schedule"
  description          = "What the schedule of ${var.name} may do."
  assume_role_policy   = data.aws_iam_policy_document.schedule_trust.json
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags
}

resource "aws_iam_role_policy" "schedule" {
  count = local.makes_roles

  name   = "schedule"
  role   = aws_iam_role.schedule[0].id
  policy = data.aws_iam_policy_document.schedule.json
}
