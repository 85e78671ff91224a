# The function, what starts it, and the queue for events that it could not handle.

resource "aws_lambda_function" "sleuth" {
  function_name = var.name
  description   = "Keeps IAM access keys within policy: warns owners and disables keys."
  role          = local.roles.function
  tags          = var.tags

  filename          = var.zip_file
  source_code_hash  = var.zip_file == null ? null : filebase64sha256(var.zip_file)
  s3_bucket         = try(var.zip_s3.bucket, null)
  s3_key            = try(var.zip_s3.key, null)
  s3_object_version = try(var.zip_s3.version, null)

  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.architecture]
  memory_size                    = var.memory_size
  timeout                        = var.timeout
  reserved_concurrent_executions = var.step_functions || var.reserved_concurrency == -1 ? -1 : var.reserved_concurrency + length(local.leaks)
  kms_key_arn                    = var.kms_key_arn
  layers                         = var.layers

  environment {
    variables = merge(var.network_environment, local.environment, { for bucket in local.results_buckets : "SLEUTH_RESULTS_BUCKET" => bucket })
  }

  dynamic "vpc_config" {
    for_each = var.vpc[*]
    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  # The log group must be there first, or Lambda makes one that keeps all.
  # The permissions must be, or the first run fails.
  depends_on = [
    aws_cloudwatch_log_group.sleuth,
    aws_iam_role_policy.sleuth,
    aws_iam_role_policy.runtime,
  ]

  lifecycle {
    precondition {
      condition     = length(jsonencode(merge(var.network_environment, local.environment))) < 4096
      error_message = "The settings do not fit into a function's environment, which holds 4 KB: shorten the notification texts."
    }
  }
}

resource "aws_lambda_function_event_invoke_config" "sleuth" {
  function_name                = aws_lambda_function.sleuth.function_name
  maximum_retry_attempts       = var.retry_attempts
  maximum_event_age_in_seconds = 3600

  # Unlike a function's dead_letter_config this keeps the error as well.
  destination_config {
    on_failure {
      destination = aws_sqs_queue.dead_letters.arn
    }
  }
}

resource "aws_cloudwatch_log_group" "sleuth" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_sqs_queue" "dead_letters" {
  name                      = "${var.name}-dead-letters"
  message_retention_seconds = 1209600 # 14 days, the longest there is
  kms_master_key_id         = var.kms_key_arn
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  tags                      = var.tags
}

resource "aws_scheduler_schedule" "sleuth" {
  name                         = var.name
  description                  = "Starts ${var.name}."
  state                        = var.schedule_enabled ? "ENABLED" : "DISABLED"
  schedule_expression          = var.schedule_expression
  schedule_expression_timezone = var.schedule_timezone
  kms_key_arn                  = var.kms_key_arn

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = var.step_functions ? aws_sfn_state_machine.organization[0].arn : aws_lambda_function.sleuth.arn
    role_arn = local.roles.schedule
    input    = jsonencode({})

    dead_letter_config {
      arn = aws_sqs_queue.dead_letters.arn
    }

    retry_policy {
      maximum_event_age_in_seconds = 3600
      maximum_retry_attempts       = 10
    }
  }

  depends_on = [aws_iam_role_policy.schedule]
}

# Who was warned, what was disabled, what is still pending.
resource "aws_dynamodb_table" "state" {
  count = var.state == null ? 1 : 0

  name         = var.name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "account"
  range_key    = "item"
  tags         = var.tags

  attribute {
    name = "account"
    type = "S"
  }

  attribute {
    name = "item"
    type = "S"
  }

  ttl {
    attribute_name = "expires"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key_arn
  }
}
