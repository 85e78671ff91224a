# Keys that AWS has found in public. AWS Health sends an event for each; a rule
# hands it to the function at once, whatever else starts it.

locals {
  leaks = [for response in [var.leak_response] : response if response != null && response != ""]
}

# The events reach one region of a partition, us-east-1 in most: elsewhere
# modules/leak-events there sends them on to the bus that this rule is on.
resource "aws_cloudwatch_event_rule" "leaks" {
  count = length(local.leaks)

  name        = "${var.name}-leaks"
  description = "Keys that AWS has found in public, for ${var.name}."
  tags        = var.tags

  event_pattern = jsonencode({
    source        = ["aws.health"]
    "detail-type" = ["AWS Health Event", "AWS Health Abuse Event"]
    detail = {
      service       = ["RISK"]
      eventTypeCode = ["AWS_RISK_CREDENTIALS_EXPOSED"]
    }
  })
}

# A name of the function's own for these events, as how often Lambda tries again
# is set by name: a run that fails is made up for by the next, an answer to a
# leak is not.
resource "aws_lambda_alias" "leaks" {
  count = length(local.leaks)

  name             = "leaks"
  description      = "Answers keys that were found in public."
  function_name    = aws_lambda_function.sleuth.function_name
  function_version = "$LATEST"
}

resource "aws_lambda_function_event_invoke_config" "leaks" {
  count = length(local.leaks)

  function_name                = aws_lambda_function.sleuth.function_name
  qualifier                    = aws_lambda_alias.leaks[0].name
  maximum_retry_attempts       = 2
  maximum_event_age_in_seconds = 21600

  destination_config {
    on_failure {
      destination = aws_sqs_queue.dead_letters.arn
    }
  }
}

resource "aws_lambda_permission" "leaks" {
  count = length(local.leaks)

  statement_id  = "leaks"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.sleuth.function_name
  qualifier     = aws_lambda_alias.leaks[0].name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.leaks[0].arn
}

resource "aws_cloudwatch_event_target" "leaks" {
  count = length(local.leaks)

  rule      = aws_cloudwatch_event_rule.leaks[0].name
  target_id = "function"
  arn       = aws_lambda_alias.leaks[0].arn

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }

  retry_policy {
    maximum_event_age_in_seconds = 21600
    maximum_retry_attempts       = 185
  }

  depends_on = [aws_lambda_permission.leaks, aws_sqs_queue_policy.dead_letters]
}

# What EventBridge could not hand over. The schedule and the function use their
# roles for that; a rule needs the queue's permission.
data "aws_iam_policy_document" "dead_letters" {
  statement {
    sid       = "KeepLeaks"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.dead_letters.arn]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = aws_cloudwatch_event_rule.leaks[*].arn
    }
  }
}

resource "aws_sqs_queue_policy" "dead_letters" {
  count = length(local.leaks)

  queue_url = aws_sqs_queue.dead_letters.url
  policy    = data.aws_iam_policy_document.dead_letters.json
}
