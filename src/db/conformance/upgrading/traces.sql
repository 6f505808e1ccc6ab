UPDATE runs SET traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' WHERE id = '{02}';
UPDATE tasks SET traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' WHERE kind = 'plan';
UPDATE tasks SET cause = '{05}' WHERE kind = 'compare';
