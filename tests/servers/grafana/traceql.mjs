// Reads a JSON array of queries from standard input and writes those that are not TraceQL.
import { readFileSync } from 'node:fs';
import { parser } from '@grafana/lezer-traceql';

const refused = JSON.parse(readFileSync(0, 'utf8')).filter((query) => {
  let wrong = false;
  parser.parse(query).iterate({ enter: (node) => void (wrong ||= node.type.isError) });
  return wrong;
});
process.stdout.write(JSON.stringify(refused));
