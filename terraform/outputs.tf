output "function_name" {
  description = "Name of the function. To run it now: aws lambda invoke --function-name NAME --invocation-type Event /dev/stdout"
  value       = aws_lambda_function.sleuth.function_name
}

output "function_arn" {
  description = "ARN of the function."
  value       = aws_lambda_function.sleuth.arn
}

output "role_arn" {
  description = "ARN of the function's role, for key policies and bucket policies."
  value       = local.roles.function
}

output "policy" {
  description = "What Sleuth may call, as JSON: the same as sleuth iam-policy prints."
  value       = data.aws_iam_policy_document.sleuth.json
}

output "policies" {
  description = "For existing_roles, the policy that each must have, as JSON: the function's own, what Lambda does in its name (runtime), the schedule's, the state machine's."
  value = {
    function      = data.aws_iam_policy_document.sleuth.json
    runtime       = data.aws_iam_policy_document.runtime.json
    schedule      = data.aws_iam_policy_document.schedule.json
    state_machine = data.aws_iam_policy_document.state_machine.json
  }
}

output "state" {
  description = "The SLEUTH_STATE setting in force, for sleuth state list and sleuth reactivate."
  value       = local.state
}

output "schedule_arn" {
  description = "ARN of the schedule."
  value       = aws_scheduler_schedule.sleuth.arn
}

output "log_group_name" {
  description = "Name of the log group."
  value       = aws_cloudwatch_log_group.sleuth.name
}

output "dead_letter_queue_url" {
  description = "URL of the queue with the events of failed runs."
  value       = aws_sqs_queue.dead_letters.url
}

output "alarm_arns" {
  description = "ARNs of the alarms, by what they watch."
  value = {
    failed       = aws_cloudwatch_metric_alarm.failed.arn
    missing      = aws_cloudwatch_metric_alarm.missing.arn
    dead_letters = aws_cloudwatch_metric_alarm.dead_letters.arn
  }
}

output "state_machine_arn" {
  description = "ARN of the state machine, with step_functions. To run it now: aws stepfunctions start-execution --state-machine-arn ARN, with --input '{\"dry_run\":true}' for a dry run."
  value       = one(aws_sfn_state_machine.organization[*].arn)
}

output "results_bucket" {
  description = "Name of the bucket with the list of accounts and what became of each, with step_functions."
  value       = one(local.results_buckets)
}

output "leak_bus_arn" {
  description = "ARN of the event bus that the rule for leaked keys is on, for modules/leak-events; null without leak_response."
  value       = length(local.leaks) > 0 ? "arn:${local.partition}:events:${local.here}:event-bus/default" : null
}
