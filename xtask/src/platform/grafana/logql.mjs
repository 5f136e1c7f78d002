// Reads a list of expressions in LogQL, and prints those that are none.
import { readFileSync } from 'node:fs';
import { parser } from '@grafana/lezer-logql';

const expressions = JSON.parse(readFileSync(process.argv[2], 'utf8'));
let broken = 0;
for (const expression of expressions) {
    parser.parse(expression).iterate({
        enter(node) {
            if (node.type.isError) {
                broken += 1;
                const rest = expression.slice(node.from);
                console.log(`no LogQL from ${JSON.stringify(rest)} on: ${expression}`);
                return false;
            }
        },
    });
}
process.exit(broken === 0 ? 0 : 1);
