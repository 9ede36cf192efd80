import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

/** As much of a name node and its data node as the storage speaks with, in one server. */
export class FakeHdfs {
  readonly files: Map<string, Buffer> = new Map()
  /** The next answer, whatever was asked. */
  next: { readonly status: number; readonly body: string } | 'nothing' | undefined
  readonly #server = createServer((request, response) => void this.#answer(request, response))

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', () => resolve()))
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as { readonly port: number }).port}`
  }

  stop(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url!, this.url)
    const path = decodeURIComponent(pathname).replace(/^\/webhdfs\/v1\/+/, '')
    const { next } = this
    this.next = undefined
    if (next === 'nothing') return
    const json = (status: number, value: unknown): void => void response.writeHead(status).end(JSON.stringify(value))
    if (next !== undefined) return void response.writeHead(next.status).end(next.body)
    assert.equal(searchParams.get('user.name'), 'someone')
    const missing = (): void => json(404, { RemoteException: { exception: 'FileNotFoundException', message: `${path}\n\tat a.b.C` } })
    const toDataNode = !searchParams.has('data') && ['CREATE', 'OPEN'].includes(searchParams.get('op')!)
    if (toDataNode) return void response.writeHead(307, { location: `${this.url}${request.url!}&data=1` }).end()
    switch (searchParams.get('op') ?? '') {
      case 'CREATE': {
        // As data nodes do, to whoever has not asked for it.
        response.writeContinue()
        const chunks: Buffer[] = []
        try {
          for await (const chunk of request) chunks.push(chunk as Buffer)
        } catch {
          return
        }
        this.files.set(path, Buffer.concat(chunks))
        return void response.writeHead(201).end()
      }
      case 'OPEN': {
        const file = this.files.get(path)
        if (file === undefined) return missing()
        const offset = Number(searchParams.get('offset') ?? 0)
        if (offset > 0 && offset >= file.length)
          return json(403, {
            RemoteException: { exception: 'IOException', message: `Offset=${offset} out of the range [0, ${file.length})` },
          })
        return void response.end(file.subarray(offset, offset + Number(searchParams.get('length') ?? file.length)))
      }
      case 'RENAME': {
        const to = searchParams.get('destination')!.slice(1)
        const isFree = !this.files.has(to)
        if (isFree) {
          this.files.set(to, this.files.get(path)!)
          this.files.delete(path)
        }
        return json(200, { boolean: isFree })
      }
      case 'DELETE':
        return json(200, { boolean: this.files.delete(path) })
      default: {
        const names = [...this.files.keys()].filter((name) => name.startsWith(`${path}/`)).map((name) => name.slice(path.length + 1))
        if (names.length === 0) return missing()
        const FileStatus = [...new Set(names.map((name) => name.split('/')[0]!))].map((pathSuffix) => {
          const file = this.files.get(`${path}/${pathSuffix}`)
          return { pathSuffix, type: file === undefined ? 'DIRECTORY' : 'FILE', length: file?.length ?? 0 }
        })
        return json(200, { FileStatuses: { FileStatus } })
      }
    }
  }
}
