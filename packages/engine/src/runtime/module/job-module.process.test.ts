import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { loadJobModule } from './job-module.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-module-'))
after(() => rmSync(folder, { recursive: true }))

let count = 0
function moduleOf(source: string): string {
  const path = join(folder, `job-${count++}.ts`)
  writeFileSync(path, source)
  return path
}

const entry = JSON.stringify(import.meta.resolve('../../api/job.ts'))
const refused = (source: string, code: string, message: RegExp): Promise<void> =>
  assert.rejects(loadJobModule(moduleOf(source)), { code, message })

void test('the default export of a module is its job', async () => {
  const path = moduleOf(`import { defineJob } from ${entry}\nexport default defineJob('j', () => {})`)
  const job = await loadJobModule(path)
  assert.equal(job.name, 'j')
  assert.equal(await loadJobModule(path), job)
})

void test('CommonJS, written by hand or made by a compiler, has a job as well', async () => {
  const path = join(folder, 'job.cjs')
  const exported = `const { defineJob } = require(${JSON.stringify(join(import.meta.dirname, '../../api/job.ts'))})\n`
  writeFileSync(path, `${exported}module.exports = defineJob('by hand', () => {})`)
  assert.equal((await loadJobModule(path)).name, 'by hand')
  const compiled = join(folder, 'compiled.cjs')
  writeFileSync(
    compiled,
    `Object.defineProperty(exports, '__esModule', { value: true })\n${exported}exports.default = defineJob('compiled', () => {})`,
  )
  assert.equal((await loadJobModule(compiled)).name, 'compiled')
  const none = join(folder, 'none.cjs')
  writeFileSync(none, 'exports.default = { name: 1 }')
  await assert.rejects(loadJobModule(none), { code: 'JOB_MODULE_NO_JOB' })
})

void test('a file that is not there, or none', async () => {
  await assert.rejects(loadJobModule(join(folder, 'none.ts')), { code: 'JOB_MODULE_NOT_FOUND', message: /none\.ts/ })
  await assert.rejects(loadJobModule(folder), { code: 'JOB_MODULE_FOLDER', message: /is a folder/ })
})

void test('a syntax error shows its line', async () => {
  await refused(
    'const a: number =\nexport default a',
    'JOB_MODULE_SYNTAX',
    /Expression expected\n.*job-\d+\.ts:2\n[^]*export default a\n\^/,
  )
  await refused('enum A { B }\nexport default A', 'JOB_MODULE_SYNTAX', /enum is not supported.*erasableSyntaxOnly/)
  await refused(
    `import { none } from ${entry}`,
    'JOB_MODULE_SYNTAX',
    /does not provide an export named 'none': a type .*`import type`.*\n[^]*import \{ none \}/,
  )
})

void test('so does one that only the engine of JavaScript finds, in the file or in one that it imports', async () => {
  const script = join(folder, 'script.mjs')
  writeFileSync(script, `process.exit(7)\nconst a = ;`)
  const line = /Unexpected token ';'\n.*script\.mjs:2\nconst a = ;\n {10}\^ \[/
  await assert.rejects(loadJobModule(script), { code: 'JOB_MODULE_SYNTAX', message: line })
  await refused(`import './script.mjs'`, 'JOB_MODULE_SYNTAX', line)
  await refused(
    'class A {}\n@a class B {}',
    'JOB_MODULE_SYNTAX',
    /Invalid or unexpected token: Node has no decorators\n.*job-\d+\.ts:2\n@a class B \{\}\n\^/,
  )
  // What is found out about it runs nothing of it.
  const runs = join(folder, 'runs')
  const tells = `import { appendFileSync } from 'node:fs'\nappendFileSync(${JSON.stringify(runs)}, '.')\nawait import('./script.mjs')`
  await refused(tells, 'JOB_MODULE_SYNTAX', /Unexpected token ';'/)
  assert.equal(readFileSync(runs, 'utf8'), '.')
})

void test('a module in a package that says it has none is told where that stands', async () => {
  const common = join(folder, 'common')
  const modules = join(common, 'modules')
  mkdirSync(modules, { recursive: true })
  writeFileSync(join(common, 'package.json'), JSON.stringify({ name: 'common', type: 'commonjs' }))
  writeFileSync(join(modules, 'package.json'), JSON.stringify({ type: 'module' }))
  const named = /: .*\/common\/package\.json says "type": "commonjs", where .* need "type": "module"/
  const sources = {
    'imports.ts': `import { defineJob } from ${entry}\nexport default defineJob('j', () => {})`,
    'exports.ts': 'export default 1',
    'meta.js': 'console.log(import.meta.dirname)',
    'awaits.ts': 'await 1',
    'helper.ts': 'export const n: number = 1',
    'modules/job.ts': `import '../helper.ts'`,
  }
  for (const [name, source] of Object.entries(sources)) {
    writeFileSync(join(common, name), source)
    if (name === 'helper.ts') continue
    await assert.rejects(loadJobModule(join(common, name)), { code: 'JOB_MODULE_SYNTAX', message: named }, name)
  }
  for (const ending of ['ts', 'js']) {
    const path = join(modules, `job.c${ending}`)
    writeFileSync(path, 'export default 1')
    await assert.rejects(loadJobModule(path), { message: new RegExp(`a file of this name is CommonJS; call it .*job\\.m${ending}\n`) })
  }
  writeFileSync(join(common, 'wrong.ts'), 'const a =')
  await assert.rejects(loadJobModule(join(common, 'wrong.ts')), ({ message }: Error) => !message.includes('"type"'))
})

void test('an import that leads nowhere is named', async () => {
  await refused(`import './none.ts'`, 'JOB_MODULE_IMPORT', /Cannot find module .*none\.ts/)
  await refused(`import 'no-such-package'`, 'JOB_MODULE_IMPORT', /no-such-package/)
})

void test('an import as compilers and bundlers take it is told how Node wants it', async () => {
  mkdirSync(join(folder, 'lib'))
  for (const name of ['helper.ts', 'lib/index.ts', 'old.js']) writeFileSync(join(folder, name), 'export {}')
  const code = 'JOB_MODULE_IMPORT'
  await refused(`import './helper'`, code, /Cannot find module .*: there is .*helper\.ts, and Node wants the ending as well/)
  await refused(`import './helper.js'`, code, /there is .*helper\.ts, and/)
  await refused(`import './old'`, code, /there is .*old\.js, and/)
  await refused(`import './lib'`, code, /there is .*lib\/index\.ts, and/)
  await refused(
    `import '@/helper.ts'`,
    code,
    /Cannot find package '@\/helper\.ts'.*: Node knows no paths of a tsconfig\.json, but "imports" of a package\.json/,
  )
  await refused(`import './nowhere'`, code, /imported from .*job-\d+\.ts \[/)
  await refused(`import '@no-such/package'`, code, /imported from .*job-\d+\.ts \[/)
})

void test('what the module throws is the cause, with its own stack', async () => {
  const path = moduleOf(`function broken() { throw new SyntaxError('mine') }\nbroken()`)
  await assert.rejects(loadJobModule(path), (error: Error & { readonly code: string }) => {
    assert.equal(error.code, 'JOB_MODULE_THROWS')
    assert.match((error.cause as Error).stack ?? '', /at broken \(.*job-\d+\.ts:1:\d+\)/)
    return true
  })
  await refused(`throw 'text'`, 'JOB_MODULE_THROWS', /text/)
})

void test('a module that waits for ever is given up', async () => {
  const loaded = loadJobModule(moduleOf('await new Promise(() => {})'), { timeoutMs: 100 })
  await assert.rejects(loaded, { code: 'JOB_MODULE_HANGS', message: /after 100 ms/ })
})

void test('a module without a job says what it has instead', async () => {
  await refused('export const a = 1', 'JOB_MODULE_NO_JOB', /no default export.*export default defineJob/)
  await refused('export default { name: 1 }', 'JOB_MODULE_NO_JOB', /its default export is \{ name: 1 \}/)
  await refused(
    `import { defineJob } from ${entry}\nexport const job = defineJob('j', () => {})`,
    'JOB_MODULE_NO_JOB',
    /exports the job "job"/,
  )
})
