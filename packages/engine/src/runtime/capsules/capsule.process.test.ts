import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

const folder = mkdtempSync(join(tmpdir(), 'millrace-capsule-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const hooks = `import { registerHooks } from 'node:module'
registerHooks({
  resolve: (specifier, context, next) => specifier === 'the-limit' ? { url: 'data:text/javascript,export default 10', shortCircuit: true } : next(specifier, context),
})`

const job = `import { defineJob, discard } from '@millrace/engine'
import limit from 'the-limit'
export default defineJob('limited', (env) => {
  env
    .fromCollection([1, 10])
    .map((n) => {
      if (n === limit) throw new RangeError('ten is too much')
      return n
    })
    .sinkTo(discard())
})`

const run = `import { runJob, engineOptionTable } from '@millrace/engine'
import { resolveOptions } from '@millrace/core'
const settings = resolveOptions(engineOptionTable, { code: { stateDir: 'state' } })
const { failure } = await runJob({ modulePath: process.cwd() + '/job.ts', restore: 'none', params: {}, settings, onEvent: () => {} }).done
process.stdout.write(failure.capsule.command)`

/** Runs a command in a shell that is elsewhere, lets go of the debugger that it waits for, and answers what it says on the standard error. */
async function debug(command: string): Promise<string> {
  // Node's own port may be taken.
  const env = { ...process.env, NODE_OPTIONS: '--inspect-port=127.0.0.1:0' }
  const child = spawn(`exec ${command}`, { shell: true, cwd: tmpdir(), env, stdio: ['ignore', 'ignore', 'pipe'] })
  after(() => child.kill())
  let errors = ''
  const ended = new Promise((resolve) => child.once('close', resolve))
  const failed = Promise.withResolvers<void>()
  const waiting = Promise.withResolvers<string>()
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
    const url = /ws:\/\/\S+/.exec(errors)?.[0]
    if (url !== undefined) waiting.resolve(url)
    if (errors.includes('Waiting for the debugger to disconnect')) failed.resolve()
  })
  void ended.then(() => waiting.reject(new Error(errors)))
  const socket = new WebSocket(await waiting.promise)
  const paused = Promise.withResolvers<void>()
  socket.addEventListener('message', ({ data }) => {
    if ((JSON.parse(String(data)) as { readonly method?: string }).method === 'Debugger.paused') paused.resolve()
  })
  await new Promise((resolve) => socket.addEventListener('open', resolve))
  const send = (id: number, method: string): void => socket.send(JSON.stringify({ id, method }))
  send(1, 'Debugger.enable')
  send(2, 'Runtime.runIfWaitingForDebugger')
  await Promise.race([paused.promise, ended])
  send(3, 'Debugger.resume')
  await Promise.race([failed.promise, ended])
  socket.close()
  await ended
  return errors
}

test('the command that is printed finds the job as the process found it that failed: unbuilt, and through what is loaded before it', async () => {
  mkdirSync(join(folder, 'hooks'))
  symlinkSync(join(import.meta.dirname, '../../../../../node_modules'), join(folder, 'node_modules'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  writeFileSync(join(folder, 'hooks/it is.mjs'), hooks)
  writeFileSync(join(folder, 'job.ts'), job)
  writeFileSync(join(folder, 'run.mjs'), run)
  const flags = ['--conditions', '@millrace/source', '--import', './hooks/it is.mjs', 'run.mjs']
  const { stdout, stderr } = spawnSync(process.execPath, flags, { cwd: folder, encoding: 'utf8' })
  assert.match(stdout, /node --inspect-brk --conditions=@millrace\/source /, stderr)
  assert.match(await debug(stdout), /OperatorFailure: .*RangeError: ten is too much/)
})
