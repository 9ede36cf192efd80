import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { recordModuleSources, type ModuleSources } from './module-sources.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-sources-'))
after(() => rmSync(folder, { recursive: true }))

function write(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return pathToFileURL(path).href
}

/** What another thread gets for the module's default export. */
async function inThread(url: string, sources: ModuleSources): Promise<unknown> {
  const code = `
    import { parentPort, workerData } from 'node:worker_threads'
    import { useModuleSources } from ${JSON.stringify(import.meta.resolve('./module-sources.ts'))}
    useModuleSources(workerData)
    parentPort.postMessage((await import(${JSON.stringify(url)})).default)`
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), { workerData: sources })
  const { promise, resolve, reject } = Promise.withResolvers<unknown>()
  worker.once('message', resolve).once('error', reject)
  try {
    return await promise
  } finally {
    await worker.terminate()
  }
}

void test('other threads run the code that the first one loaded, though the files have changed', async () => {
  write('typed.ts', 'export const factor: number = 2')
  write('plain.mjs', 'export const base = 20')
  const job = write(
    'job.ts',
    `import { factor } from './typed.ts'\nimport { base } from './plain.mjs'\nexport default (factor * base) as number`,
  )
  const { result, sources } = await recordModuleSources(() => import(job) as Promise<{ readonly default: unknown }>)
  assert.equal(result.default, 40)
  write('typed.ts', 'export const factor: number = 3')
  write('plain.mjs', 'export const base = 30')
  assert.equal(await inThread(job, sources), 40)
  assert.equal(await inThread(job, new Map()), 90)
  const again = await recordModuleSources(() => import(job) as Promise<{ readonly default: unknown }>)
  assert.equal(await inThread(job, again.sources), 40, 'a module is loaded once a process')
})

void test('a mistake in a module is the same error as without', async () => {
  const bad = write('bad.ts', 'const a: number =\nexport default a')
  await assert.rejects(
    recordModuleSources(() => import(bad) as Promise<unknown>),
    (error: Error) => error.name === 'SyntaxError' && /bad\.ts:2/.test(error.stack ?? ''),
  )
})
