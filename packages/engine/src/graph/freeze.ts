/** Freezes plain data in depth, and answers it. */
export function deepFreeze<T>(data: T): T {
  if (typeof data !== 'object' || data === null || Object.isFrozen(data)) return data
  for (const member of Object.values(data)) deepFreeze(member)
  return Object.freeze(data)
}
