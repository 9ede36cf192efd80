// npm run test:properties: the tests that draw their inputs, from a seed that nobody has drawn from yet. `npm test` draws from one seed for
// ever: what holds for that one alone comes out here. --seed N repeats a run that has failed.
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({ options: { seed: { type: 'string' } } })
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
if (!Number.isSafeInteger(seed)) {
  console.error(`--seed is a whole number, not ${values.seed!}`)
  process.exit(2)
}
const files = globSync(['packages/*/{src,test}/**/*.test.ts', '{sim,examples,docs,bench,scripts}/**/*.test.ts'], {
  exclude: (path) => path.includes('node_modules') || path.includes('/dist/'),
}).filter((path) => readFileSync(path, 'utf8').includes("from 'fast-check'"))

console.log(`${files.length} files; npm run test:properties -- --seed ${seed} repeats this`)
const child = spawn(process.execPath, [fileURLToPath(new URL('./test.ts', import.meta.url)), ...files], {
  stdio: 'inherit',
  env: { ...process.env, MILLRACE_PROPERTY_SEED: String(seed) },
})
child.on('close', (code) => {
  if (code !== 0) console.log(`npm run test:properties -- --seed ${seed} repeats this`)
  process.exitCode = code ?? 1
})
