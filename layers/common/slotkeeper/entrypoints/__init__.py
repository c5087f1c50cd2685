"""What calls us: API Gateway, SQS, the schedule; and what every invocation has in common."""
