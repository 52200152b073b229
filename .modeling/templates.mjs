// Checks element templates by Camunda's own schema: node templates.mjs FILE
// Its warnings are about engines newer than ours.
import { readFileSync } from 'node:fs';
import { validateAllZeebe } from '@bpmn-io/element-templates-validator';

const { valid, results } = validateAllZeebe(JSON.parse(readFileSync(process.argv[2], 'utf8')));
for (const { errors, object } of results) {
  for (const { message } of errors || []) {
    console.error(`${object.id}: ${message}`);
  }
}
process.exit(valid ? 0 : 1);
