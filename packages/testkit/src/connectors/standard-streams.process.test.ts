import { deepEqual, equal } from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('fixtures/copy-lines.ts', import.meta.url))
const node = [process.execPath, '--conditions=@millrace/source', program]

function run(command: string): {
  readonly child: ChildProcess
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>
} {
  const child = spawn('sh', ['-c', command])
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (bytes: Buffer) => (stdout += bytes.toString('latin1')))
  child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
  return { child, ended: new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr }))) }
}

const copy = node.map((word) => `'${word}'`).join(' ')
const lines = Array.from({ length: 200_000 }, (_, n) => `${n + 1}\n`).join('')

describe('standard streams', () => {
  it('carry lines from a pipe to a pipe', async () => {
    const { code, stdout, stderr } = await run(`seq 200000 | ${copy}`).ended
    deepEqual({ code, stderr }, { code: 0, stderr: 'ended\n' })
    equal(stdout, lines)
  })

  it('carry lines from a file, /dev/null and a pipe that is slow', async () => {
    equal((await run(`${copy} < /dev/null`).ended).stderr, 'ended\n')
    equal(
      (await run(`${copy} < ${program}`).ended).stdout.split('\n')[0],
      '// Reads lines from the standard input and prints them; says on the standard error how it ended.',
    )
    const slow = await run(`(printf 'one\\ntw'; sleep 0.2; printf 'o\\nthree') | ${copy}`).ended
    equal(slow.stdout, 'one\ntwo\nthree\n')
  })

  it('end by name when nobody reads any more', async () => {
    const { stdout, stderr } = await run(`(seq 200000 | ${copy}; echo "code $?" >&2) | head -n 2`).ended
    deepEqual({ stdout, stderr }, { stdout: '1\n2\n', stderr: 'failed: PRINT_CLOSED\ncode 3\n' })
  })

  const hasPython = spawnSync('python3', ['--version']).status === 0
  it('survive a pipe that does not block, and a reader that is slow', { skip: !hasPython }, async () => {
    // A shared pipe may have been set to non-blocking by whoever else holds it: then a full one answers EAGAIN.
    const setNonBlocking = `python3 -c 'import os; os.set_blocking(1, False)'`
    const { stdout, stderr } = await run(`(${setNonBlocking}; seq 200000 | ${copy}) | (sleep 0.3; cat)`).ended
    equal(stderr, 'ended\n')
    equal(stdout, lines)
  })
})
