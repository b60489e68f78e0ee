/**
 * What is an address, and which of them only this machine reaches.
 */

/** Whether the host of a URL is an address rather than a name; one of IPv6 stands in brackets there. */
export function isAddress(host: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(host) || /^\[[0-9a-f:.]+\]$/i.test(host)
}

/** Whether others cannot reach it. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

/** What to say before listening where others can come. */
export function hostWarning(host: string): string | undefined {
  if (isLoopback(host)) return undefined
  return `metrics are served on ${host}, where other machines can read them: nobody is asked for a password. Leave the host out to serve this machine only.`
}
