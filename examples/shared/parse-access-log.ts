/** A request as a web server logs it. */
export interface AccessLogEntry {
  readonly client: string
  /** Of HTTP authentication; undefined where there is none. */
  readonly user: string | undefined
  /** Milliseconds since 1970. */
  readonly at: number
  readonly method: string
  /** What was asked for, as sent: path and query. */
  readonly target: string
  readonly protocol: string
  readonly status: number
  readonly bytes: number
  readonly referrer: string | undefined
  readonly agent: string | undefined
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

// Escaped as nginx and Apache do it: quotes within a quoted field are \x22 or \", so a field ends at the first bare quote.
const combined =
  /^(\S+) \S+ (.+?) \[(\d\d)\/([A-Z][a-z]{2})\/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)\] "([!-~]+) ([^" ](?:[^"\\]|\\.)*?) (HTTP\/[\d.]+)" (\d{3}) (\d+|-)(?: "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)")?/

/**
 * A line of the `combined` format of nginx and Apache (or `common`, which ends after the size); what follows it is left alone.
 * Undefined for lines that hold no request: what a port scanner sent instead of HTTP, or half a line.
 */
export function parseAccessLogLine(line: string): AccessLogEntry | undefined {
  const match = combined.exec(line)
  if (match === null) return undefined
  const [, client, user, day, month, year, hour, minute, second, sign, zoneHours, zoneMinutes, method, target, protocol, status, bytes] =
    match as unknown as readonly string[]
  const monthIndex = months.indexOf(month!)
  if (monthIndex < 0) return undefined
  const offsetMs = (sign === '-' ? -1 : 1) * (Number(zoneHours) * 60 + Number(zoneMinutes)) * 60_000
  return {
    client: client!,
    user: present(user),
    at: Date.UTC(Number(year), monthIndex, Number(day), Number(hour), Number(minute), Number(second)) - offsetMs,
    method: method!,
    target: target!,
    protocol: protocol!,
    status: Number(status),
    bytes: bytes === '-' ? 0 : Number(bytes),
    referrer: present(match[17]),
    agent: present(match[18]),
  }
}

function present(field: string | undefined): string | undefined {
  return field === undefined || field === '-' || field === '' ? undefined : field
}
