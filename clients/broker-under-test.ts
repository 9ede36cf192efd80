import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface BrokerUnderTest {
  readonly bootstrap: string
  /** Its log directory, where it is known. */
  readonly dir: string | undefined
  /** What it said on its standard error, and how it ended, if it has. */
  trouble(): string
  close(): Promise<void>
}

/**
 * Starts our broker in a process of its own, from its sources.
 *
 * @param advertised where clients are told to connect to, if not where it listens
 */
export async function ownBroker(advertised?: string): Promise<BrokerUnderTest> {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-clients-broker-'))
  const program = join(import.meta.dirname, 'broker-process.ts')
  const flags = ['--conditions=@millrace/source', '--disable-warning=ExperimentalWarning']
  const child: ChildProcess = spawn(process.execPath, [...flags, program, dir, ...(advertised === undefined ? [] : [advertised])], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let said = ''
  let ended = ''
  let isClosing = false
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4_000)))
  const closed = new Promise<void>((resolve) => {
    child.on('close', (code, signal) => {
      if (!isClosing || code !== 0) ended = `the broker ended (${code ?? signal})\n`
      resolve()
    })
  })
  const bootstrap = await new Promise<string>((resolve, reject) => {
    child.stdout!.setEncoding('utf8').once('data', (line: string) => resolve(line.trim()))
    void closed.then(() => reject(new Error(`${ended}${said}`)))
  })
  return {
    bootstrap,
    dir,
    trouble: () => ended + said,
    async close() {
      isClosing = true
      child.stdin!.end()
      await closed
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

export function brokerElsewhere(bootstrap: string, dir: string | undefined): BrokerUnderTest {
  return { bootstrap, dir, trouble: () => '', close: () => Promise.resolve() }
}
