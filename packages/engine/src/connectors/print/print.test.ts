import { deepEqual, equal, match, ok, rejects, throws } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nodeClock, nodeDisk, nodeNetwork, nodeRandom, type MillraceError } from '@millrace/core'
import type { SinkWriter } from '../sink.ts'
import type { ByteOutput } from './output.ts'
import { print, type PrintOptions } from './print.ts'

/** Takes what each answer of the script says: a number of bytes, or an error code; all bytes once the script is over. */
class ScriptedOutput implements ByteOutput {
  text = ''
  writes: string[] = []
  readonly #script: (number | string)[]
  #held: (() => void) | undefined
  holds = false

  constructor(script: (number | string)[] = []) {
    this.#script = script
  }

  async write(bytes: Uint8Array): Promise<number> {
    if (this.holds) await new Promise<void>((resolve) => (this.#held = resolve))
    const answer = this.#script.shift() ?? bytes.length
    if (typeof answer === 'string') throw Object.assign(new Error(answer), { code: answer })
    const taken = Math.min(answer, bytes.length)
    const text = Buffer.from(bytes.subarray(0, taken)).toString('latin1')
    this.text += text
    this.writes.push(text)
    return taken
  }

  release(): void {
    this.holds = false
    this.#held?.()
  }
}

interface Opened<T> {
  readonly writer: SinkWriter<T>
  readonly failures: unknown[]
  wakes: number
}

function open<T>(output: ByteOutput, options: PrintOptions<T> = {}, parallelism = 1): Opened<T> {
  const opened: { writer?: SinkWriter<T>; failures: unknown[]; wakes: number } = { failures: [], wakes: 0 }
  opened.writer = print<T>({ ...options, output }).createWriter({
    subtask: parallelism - 1,
    parallelism,
    jobName: 'job',
    stateId: 'print',
    attempt: 1,
    clock: nodeClock,
    disk: nodeDisk,
    network: nodeNetwork,
    random: nodeRandom,
    wake: () => opened.wakes++,
    fail: (error) => opened.failures.push(error),
  })
  return opened as Opened<T>
}

describe('print', () => {
  it('writes a line a record, on flush and before a checkpoint', async () => {
    const output = new ScriptedOutput()
    const { writer } = open<unknown>(output)
    writer.write('one', 0)
    writer.write({ two: [2] }, 0)
    equal(output.text, '')
    writer.flush!()
    await writer.prepare(1)
    equal(output.text, 'one\n{ two: [ 2 ] }\n')
    writer.write('three', 0)
    await writer.close()
    equal(output.text, 'one\n{ two: [ 2 ] }\nthree\n')
  })

  it('names the subtask where there are several, behind the prefix if there is one, and nothing where that is empty', async () => {
    const printed = async (options: PrintOptions<string>, parallelism: number): Promise<string> => {
      const output = new ScriptedOutput()
      const { writer } = open<string>(output, options, parallelism)
      writer.write('x', 0)
      await writer.prepare(1)
      return output.text
    }
    equal(await printed({}, 3), '3> x\n')
    equal(await printed({ prefix: 'late' }, 1), 'late> x\n')
    equal(await printed({ prefix: 'late' }, 3), 'late:3> x\n')
    equal(await printed({ prefix: '' }, 3), 'x\n')
  })

  it('goes on after short writes and EAGAIN without losing or repeating a byte', async () => {
    const output = new ScriptedOutput([3, 'EAGAIN', 1, 'EAGAIN', 'EAGAIN', 2])
    const { writer, failures } = open<string>(output)
    for (let n = 0; n < 10; n++) writer.write(`line ${n}`, 0)
    await writer.prepare(1)
    equal(output.text, Array.from({ length: 10 }, (_, n) => `line ${n}\n`).join(''))
    deepEqual(failures, [])
  })

  it('fails the task by name when nobody reads any more, and writes nothing after', async () => {
    const output = new ScriptedOutput(['EPIPE'])
    const { writer, failures } = open<string>(output)
    writer.write('x', 0)
    await rejects(writer.prepare(1), { code: 'PRINT_CLOSED' })
    equal((failures[0] as MillraceError).code, 'PRINT_CLOSED')
    writer.write('y', 0)
    writer.flush!()
    await writer.close()
    equal(output.text, '')
    equal(failures.length, 1)
  })

  it('presses back on the job while the reader is slow, and wakes it after', async () => {
    const output = new ScriptedOutput()
    output.holds = true
    const opened = open<string>(output)
    let written = 0
    while (opened.writer.ready!()) {
      opened.writer.write('x'.repeat(999), 0)
      if (++written > 10_000) break
    }
    ok(written * 1000 < 300_000, `${written} lines wait`)
    equal(opened.wakes, 0)
    output.release()
    await opened.writer.prepare(1)
    ok(opened.wakes > 0)
    ok(opened.writer.ready!())
    equal(output.text.length, written * 1000)
  })

  it('cuts what it writes between lines, so that those of other threads do not mix in', async () => {
    const output = new ScriptedOutput()
    const { writer } = open<string>(output)
    for (let n = 0; n < 100; n++) writer.write('ä'.repeat(n * 5), 0)
    await writer.prepare(1)
    ok(output.writes.length > 5)
    for (const text of output.writes) {
      ok(text.length <= 4096)
      match(text, /\n$/)
    }
  })

  it('names a record that cannot be formatted', () => {
    const { writer } = open<string>(new ScriptedOutput(), {
      format: () => {
        throw new Error('no such field')
      },
    })
    throws(() => writer.write('x', 0), { code: 'SINK_FORMAT_FAILED', message: /no such field/ })
  })
})
