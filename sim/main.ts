/** npm run sim -- --seeds N --first-seed S --require T: the whole engine under failures, N times; a failing seed prints the command that replays it. */
import { parseArgs } from 'node:util'
import { regressions } from './regressions.ts'
import { scenarioOf } from './seed-scenario.ts'
import { runSeed } from './seed.ts'
import { SituationCounts } from './situations.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    'first-seed': { type: 'string', default: '1' },
    /** How often each situation must have been reached. */
    require: { type: 'string', default: '0' },
    /** Prints the scenarios. */
    show: { type: 'boolean', default: false },
  },
})
const first = Number(values['first-seed'])
const count = Number(values.seeds)
const total = new SituationCounts()
let failed = 0
const startMs = performance.now()

for (const { seed, scenario, about } of regressions) {
  traceHeading(about)
  try {
    await runSeed(seed, { scenario })
  } catch (error) {
    failed++
    console.error(`once more: ${about}\n${describe(error)}`)
  }
}
for (let seed = first; seed < first + count; seed++) {
  traceHeading(`seed ${seed}`)
  if (values.show) console.log(`${seed} ${JSON.stringify(scenarioOf(seed))}`)
  try {
    total.add(await runSeed(seed))
  } catch (error) {
    failed++
    console.error(`seed ${seed} failed: ${describe(error)}`)
    console.error(`replay it with: npm run sim -- --seeds 1 --first-seed ${seed} --show`)
  }
}
console.log(total.toString())
console.log(`${count - failed} passed, ${failed} failed, in ${((performance.now() - startMs) / 1000).toFixed(1)} s`)
const missing = total.missing(Number(values.require))
if (missing.length > 0) console.error(`reached fewer than ${values.require} times: ${missing.join(', ')}`)
process.exitCode = failed > 0 || missing.length > 0 ? 1 : 0

/** Whose events follow. */
function traceHeading(heading: string): void {
  if (process.env['SIM_TRACE'] !== undefined) console.log(`\n${heading}`)
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : `\n  because: ${describe(error.cause)}`
  return `${error.stack ?? error.message}${cause}`
}
