# Runs over more accounts than one invocation has time for: Step Functions lists
# them, runs each in an invocation of its own, and has one more summarize.

locals {
  own_bucket      = "${lower(replace(var.name, "_", "-"))}-results-${local.account_id}"
  results_buckets = var.results_bucket != null ? [var.results_bucket] : var.step_functions ? [local.own_bucket] : []

  # What passes by itself: throttling, a moment of Lambda's or the network's, an
  # invocation that was cut off. A run that died keeps its account for the
  # lease, so what is tried again waits that long.
  passing_errors = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Runtime.ExitError",
    "Runtime.Unknown",
    "Sandbox.Timedout",
    "States.Timeout",
    "BusyError",
  ]
  try_again = [{
    ErrorEquals     = local.passing_errors
    IntervalSeconds = var.lease_seconds
    BackoffRate     = 2.0
    MaxAttempts     = 4
  }]

  state_machine = {
    Comment = "Covers every account of the settings, each in an invocation of its own."
    StartAt = "ListAccounts"
    States = {
      ListAccounts = {
        Type     = "Task"
        Resource = "arn:${local.partition}:states:::lambda:invoke"
        Parameters = {
          FunctionName = aws_lambda_function.sleuth.arn
          # The input can ask for a dry run; anything else the function refuses.
          "Payload.$" = "States.JsonMerge($, States.StringToJson('{\"action\":\"list\"}'), false)"
        }
        OutputPath     = "$.Payload"
        TimeoutSeconds = var.timeout + 60
        Retry          = local.try_again
        Next           = "RunAccounts"
      }
      RunAccounts = {
        Type = "Map"
        ItemReader = {
          Resource     = "arn:${local.partition}:states:::s3:getObject"
          ReaderConfig = { InputType = "JSON" }
          Parameters   = { "Bucket.$" = "$.bucket", "Key.$" = "$.key" }
        }
        ItemSelector = {
          "action"    = "account"
          "account.$" = "$$.Map.Item.Value.account"
          "run.$"     = "$.run"
          "began.$"   = "$.began"
          "dry_run.$" = "$.dry_run"
        }
        MaxConcurrency = var.invocations_at_once
        # One account that fails stops no other: the summary names it.
        ToleratedFailurePercentage = 100.0
        ItemProcessor = {
          ProcessorConfig = { Mode = "DISTRIBUTED", ExecutionType = "STANDARD" }
          StartAt         = "RunAccount"
          States = {
            RunAccount = {
              Type           = "Task"
              Resource       = "arn:${local.partition}:states:::lambda:invoke"
              Parameters     = { FunctionName = aws_lambda_function.sleuth.arn, "Payload.$" = "$" }
              OutputPath     = "$.Payload"
              TimeoutSeconds = var.timeout + 60
              Retry          = local.try_again
              End            = true
            }
          }
        }
        ResultWriter = {
          Resource   = "arn:${local.partition}:states:::s3:putObject"
          Parameters = { Bucket = one(local.results_buckets), Prefix = "map-runs" }
        }
        ResultPath = "$.map"
        Next       = "Summarize"
      }
      Summarize = {
        Type     = "Task"
        Resource = "arn:${local.partition}:states:::lambda:invoke"
        Parameters = {
          FunctionName = aws_lambda_function.sleuth.arn
          Payload = {
            "action"    = "summarize"
            "run.$"     = "$.run"
            "began.$"   = "$.began"
            "dry_run.$" = "$.dry_run"
          }
        }
        OutputPath     = "$.Payload"
        TimeoutSeconds = var.timeout + 60
        Retry          = local.try_again
        Next           = "IsComplete"
      }
      IsComplete = {
        Type    = "Choice"
        Choices = [{ Variable = "$.complete", BooleanEquals = true, Next = "Complete" }]
        Default = "Incomplete"
      }
      Complete   = { Type = "Succeed" }
      Incomplete = { Type = "Fail", Error = "Incomplete", CausePath = "$.error" }
    }
  }
}

locals {
  # The language says that the percentage is a float, and some that read it want
  # it written as one, which jsonencode does not.
  definition = replace(jsonencode(local.state_machine), "/(\"ToleratedFailurePercentage\":[0-9]+)([,}])/", "$1.0$2")
}

resource "aws_sfn_state_machine" "organization" {
  count = var.step_functions ? 1 : 0

  name       = var.name
  role_arn   = local.roles.state_machine
  definition = local.definition
  tags       = var.tags

  depends_on = [aws_iam_role_policy.state_machine]
}

resource "aws_s3_bucket" "results" {
  count = var.step_functions && var.results_bucket == null ? 1 : 0

  bucket = local.own_bucket
  tags   = var.tags
}

resource "aws_s3_bucket_public_access_block" "results" {
  count = length(aws_s3_bucket.results)

  bucket                  = aws_s3_bucket.results[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "results" {
  count = length(aws_s3_bucket.results)

  bucket = aws_s3_bucket.results[0].id

  rule {
    bucket_key_enabled = var.kms_key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_versioning" "results" {
  count = length(aws_s3_bucket.results)

  bucket = aws_s3_bucket.results[0].id

  versioning_configuration {
    status = "Enabled"
  }
}

data "aws_iam_policy_document" "results" {
  statement {
    sid       = "OnlyOverTLS"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = ["arn:${local.partition}:s3:::${local.own_bucket}", "arn:${local.partition}:s3:::${local.own_bucket}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "results" {
  count = length(aws_s3_bucket.results)

  bucket = aws_s3_bucket.results[0].id
  policy = data.aws_iam_policy_document.results.json

  depends_on = [aws_s3_bucket_public_access_block.results]
}

# What is older than any question about a run.
resource "aws_s3_bucket_lifecycle_configuration" "results" {
  count = length(aws_s3_bucket.results)

  bucket = aws_s3_bucket.results[0].id

  rule {
    id     = "forget"
    status = "Enabled"

    filter {}

    expiration {
      days = 90
    }

    noncurrent_version_expiration {
      noncurrent_days = 90
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

data "aws_iam_policy_document" "state_machine_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["states.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

# A Distributed Map starts executions of the state machine that it is in.
# https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
data "aws_iam_policy_document" "state_machine" {
  statement {
    sid       = "InvokeFunction"
    actions   = ["lambda:InvokeFunction"]
    resources = [aws_lambda_function.sleuth.arn]
  }

  statement {
    sid       = "MapOverAccounts"
    actions   = ["states:StartExecution"]
    resources = ["arn:${local.partition}:states:${local.here}:stateMachine:${var.name}"]
  }

  statement {
    sid       = "FollowAccounts"
    actions   = ["states:DescribeExecution", "states:StopExecution"]
    resources = ["arn:${local.partition}:states:${local.here}:execution:${var.name}/*"]
  }

  dynamic "statement" {
    for_each = local.results_buckets
    content {
      sid       = "ReadItems"
      actions   = ["s3:GetObject"]
      resources = ["arn:${local.partition}:s3:::${statement.value}/runs/*"]
    }
  }

  dynamic "statement" {
    for_each = local.results_buckets
    content {
      sid       = "WriteResults"
      actions   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
      resources = ["arn:${local.partition}:s3:::${statement.value}/map-runs/*"]
    }
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

resource "aws_iam_role" "state_machine" {
  count = var.step_functions ? local.makes_roles : 0

  name                 = "${var.name}-steps"
  description          = "What the state machine of ${var.name} may do."
  assume_role_policy   = data.aws_iam_policy_document.state_machine_trust.json
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags
}

resource "aws_iam_role_policy" "state_machine" {
  count = length(aws_iam_role.state_machine)

  name   = "steps"
  role   = aws_iam_role.state_machine[0].id
  policy = data.aws_iam_policy_document.state_machine.json
}

# An account that failed in part fails the execution; an invocation
# that failed for good is in the alarm on the function as well.
resource "aws_cloudwatch_metric_alarm" "accounts_failed" {
  for_each = var.step_functions ? toset(["ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"]) : toset([])

  alarm_name          = "${var.name}-${lower(replace(each.key, "Executions", "organization-"))}"
  alarm_description   = "A run of ${var.name} over several accounts failed in part: the execution's cause names accounts, and the summary in the bucket all of them."
  namespace           = "AWS/States"
  metric_name         = each.key
  dimensions          = { StateMachineArn = aws_sfn_state_machine.organization[0].arn }
  statistic           = "Sum"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  tags                = var.tags
}
