{{ raw_rows('litellm', 'spend_logs') }}
