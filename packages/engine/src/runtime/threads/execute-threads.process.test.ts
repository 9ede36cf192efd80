import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { setSourceMapsSupport } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { runInThisContext } from 'node:vm'
import { defineJob, type Job } from '../../api/job.ts'
import type { Params } from '../../api/params.ts'
import { execute } from '../execute.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-execute-'))
after(() => rmSync(folder, { recursive: true }))

const entry = JSON.stringify(import.meta.resolve('../../index.ts'))
const note = join(folder, 'notes.txt')

async function importJob(name: string, end: string): Promise<Job<Params>> {
  const path = join(folder, `${name}.ts`)
  writeFileSync(
    path,
    `import { appendFileSync } from 'node:fs'
import { threadId } from 'node:worker_threads'
import { defineJob, discard, execute } from ${entry}
export const job = defineJob('${name}', { params: { factor: 1 } }, (env, { factor }) => {
  env.fromCollection([1, 2, 3, 4, 5, 6]).keyBy((n) => n).count()
    .map(({ key }) => appendFileSync(${JSON.stringify(note)}, \`\${key * factor} \${threadId}\\n\`)).sinkTo(discard())
})
${end}
`,
  )
  return ((await import(pathToFileURL(path).href)) as { readonly job: Job<Params> }).job
}

void test('operators run on threads of their own, with the parameters given', async () => {
  appendFileSync(note, '')
  const job = await importJob('threaded', 'export default job')
  const result = await execute(job, { threads: true, parallelism: 2, params: { factor: 10 } })
  assert.equal(result.state, 'finished')
  const lines = readFileSync(note, 'utf8').trimEnd().split('\n')
  assert.deepEqual(
    lines.map((line) => Number(line.split(' ')[0])).toSorted((a, b) => a - b),
    [10, 20, 30, 40, 50, 60],
  )
  assert.ok(
    lines.every((line) => !line.endsWith(' 0')),
    'none on this thread',
  )
})

void test('with source maps on, threads import the module that runs, not the source it was built from', async (context) => {
  setSourceMapsSupport(true)
  context.after(() => setSourceMapsSupport(false))
  // One place of the source, which need not be there, for each of the three lines.
  const map = JSON.stringify({ version: 3, sources: ['not-shipped.ts'], names: [], mappings: 'AAAA;AACA;AACA' })
  const path = join(folder, 'built.js')
  writeFileSync(
    path,
    `import { defineJob, discard } from ${entry}
export default defineJob('built', (env) => env.fromCollection([1]).sinkTo(discard()))
console.assert(/not-shipped/.test(new Error().stack))
//# sourceMappingURL=data:application/json;base64,${Buffer.from(map).toString('base64')}
`,
  )
  const { mock } = context.mock.method(console, 'assert')
  const { default: job } = (await import(pathToFileURL(path).href)) as { readonly default: Job<Params> }
  assert.equal(mock.calls[0]?.arguments[0], true, 'stacks do not name the source')
  const { state } = await execute(job, { threads: true })
  assert.equal(state, 'finished')
})

void test('a job that its module does not export is refused', async () => {
  await assert.rejects(execute(await importJob('hidden', ''), { threads: true }), { code: 'JOB_MODULE_NO_JOB' })
})

void test('a module that runs its job when a worker imports it is refused', async () => {
  const end = `export default job
import { isMainThread } from 'node:worker_threads'
if (!isMainThread) await execute(job)`
  await assert.rejects(execute(await importJob('at-once', end), { threads: true }), (error: Error) =>
    /import\.meta\.main/.test(`${error.message} ${String(error.cause)}`),
  )
})

void test('another job than the default export is noticed', async () => {
  const job = await importJob(
    'one',
    `export default defineJob('one', { params: { factor: 1 } }, (env) => { env.fromCollection([1]).sinkTo(discard()) })`,
  )
  await assert.rejects(execute(job, { threads: true }), { code: 'JOB_CHANGED' })
})

void test('a job without a module that can be told is refused', async () => {
  const typed = runInThisContext(`(defineJob) => defineJob('nowhere', (env) => void env.fromCollection([1]))`) as (
    define: typeof defineJob,
  ) => Job<Params>
  const job = typed(defineJob)
  await assert.rejects(execute(job, { threads: true }), { code: 'EXECUTE_MODULE_UNKNOWN' })
})
