-- Inserts invented sample data into D1: four labels (one of each type) and nine evaluations, which
-- belong to two accounts and four runs. Each statement inserts only the missing rows, and changes
-- no existing row. The table account_object lists the accounts whose rows are in a Durable Object,
-- not in D1. Each statement leaves out the rows of these accounts.
INSERT INTO evaluation_label
  (id, account_id, name, description, value_type, min_value, max_value, categories, created_at)
SELECT * FROM (VALUES
  ('018f4d3a-0001-7000-8000-000000000001', 'shared', 'tone', 'How well the reply strikes the tone', 'continuous', 1, 10, NULL, '2026-11-01T08:00:00.000Z'),
  ('018f4d3a-0002-7000-8000-000000000002', 'shared', 'correct', 'Whether the reply is right', 'binary', NULL, NULL, NULL, '2026-11-01T08:00:01.000Z'),
  ('018f4d3a-0003-7000-8000-000000000003', 'shared', 'register', 'How the reply speaks', 'categorical', NULL, NULL, '["formal","casual","rude"]', '2026-11-01T08:00:02.000Z'),
  ('018f4d3a-0004-7000-8000-000000000004', 'acc_01HGK2V8N5XJVB8Q2Z3R4Y5T6M', 'severity', 'How bad a mistake is', 'ordinal', NULL, NULL, '["none","minor","major"]', '2026-11-01T08:00:03.000Z')
)
WHERE column1 NOT IN (SELECT id FROM evaluation_label)
  AND column2 NOT IN (SELECT account_id FROM account_object);

INSERT INTO run_evaluation
  (id, account_id, run_id, output_name, field_path, evaluation_label_id, value, created_by, created_by_evaluator_id, created_at, updated_by, updated_at)
SELECT * FROM (VALUES
  ('018f4d3d-0001-7000-8000-000000000001', 'acc_01HGK2V8N5XJVB8Q2Z3R4Y5T6M', '018f4d3c-0001-7000-8000-000000000001', 'reply', '$.text', '018f4d3a-0001-7000-8000-000000000001', 6, NULL, '018f4d3b-0001-7000-8000-000000000001', '2026-11-01T09:00:00.000Z', NULL, NULL),
  ('018f4d3d-0002-7000-8000-000000000002', 'acc_01HGK2V8N5XJVB8Q2Z3R4Y5T6M', '018f4d3c-0001-7000-8000-000000000001', 'reply', '$.text', '018f4d3a-0002-7000-8000-000000000002', 1, 'user-123', NULL, '2026-11-01T09:00:01.250Z', NULL, NULL),
  ('018f4d3d-0003-7000-8000-000000000003', 'acc_01HGK2V8N5XJVB8Q2Z3R4Y5T6M', '018f4d3c-0001-7000-8000-000000000001', NULL, NULL, '018f4d3a-0003-7000-8000-000000000003', 0, 'user-456', NULL, '2026-11-01T09:00:02.500Z', 'user-123', '2026-11-02T16:20:00.750Z'),
  ('018f4d3d-0004-7000-8000-000000000004', 'acc_01HGK2V8N5XJVB8Q2Z3R4Y5T6M', '018f4d3c-0002-7000-8000-000000000002', 'summary', '$.sections[0]', '018f4d3a-0001-7000-8000-000000000001', 8.5, NULL, '018f4d3b-0001-7000-8000-000000000001', '2026-11-03T11:30:00.000Z', NULL, NULL),
  ('018f4d3d-0005-7000-8000-000000000005', 'acc_01HGK2V8N5XJVB8Q2Z3R4Y5T6M', '018f4d3c-0002-7000-8000-000000000002', 'summary', '$.sections[0]', '018f4d3a-0004-7000-8000-000000000004', 2, 'user-123', NULL, '2026-11-03T11:30:01.000Z', NULL, NULL),
  ('018f4d3d-0006-7000-8000-000000000006', 'acc_01J9ZQ4T7B3W5K8M2N6P1R0S9D', '018f4d3c-0003-7000-8000-000000000003', 'reply', '$.text', '018f4d3a-0001-7000-8000-000000000001', 4, 'user-789', NULL, '2026-11-04T08:15:00.000Z', NULL, NULL),
  ('018f4d3d-0007-7000-8000-000000000007', 'acc_01J9ZQ4T7B3W5K8M2N6P1R0S9D', '018f4d3c-0003-7000-8000-000000000003', 'reply', NULL, '018f4d3a-0002-7000-8000-000000000002', 0, 'user-789', NULL, '2026-11-04T08:15:01.000Z', NULL, NULL),
  ('018f4d3d-0008-7000-8000-000000000008', 'acc_01J9ZQ4T7B3W5K8M2N6P1R0S9D', '018f4d3c-0004-7000-8000-000000000004', NULL, NULL, '018f4d3a-0003-7000-8000-000000000003', 1, NULL, '018f4d3b-0002-7000-8000-000000000002', '2026-11-05T12:00:00.000Z', NULL, NULL),
  ('018f4d3d-0009-7000-8000-000000000009', 'acc_01J9ZQ4T7B3W5K8M2N6P1R0S9D', '018f4d3c-0004-7000-8000-000000000004', NULL, NULL, '018f4d3a-0001-7000-8000-000000000001', 10, NULL, '018f4d3b-0002-7000-8000-000000000002', '2026-11-05T12:00:01.000Z', 'user-789', '2026-11-06T07:45:30.125Z')
)
WHERE column1 NOT IN (SELECT id FROM run_evaluation)
  AND column2 NOT IN (SELECT account_id FROM account_object);
