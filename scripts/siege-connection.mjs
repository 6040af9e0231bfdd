// HTTP/1.1 over one TCP connection from a chosen address of the loopback network, because the server counts clients by address.
import { connect as open } from 'node:net';
import { once } from 'node:events';

/** A connection from `address`, once it is open. */
export async function connect(url, address) {
  const { hostname, port } = new URL(url);
  const socket = open({ host: hostname, port: Number(port), localAddress: address, noDelay: true });
  // Without a listener, an error would end the process. Whoever reads or writes next notices that the socket is destroyed.
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** The bytes of a request. */
export function bytes(method, path, { token, body } = {}) {
  const text = body === undefined ? '' : JSON.stringify(body);
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: docket', `Content-Length: ${Buffer.byteLength(text)}`];
  if (token) lines.push(`Authorization: Bearer ${token}`);
  if (body !== undefined) lines.push('Content-Type: application/json');
  return `${lines.join('\r\n')}\r\n\r\n${text}`;
}

/** Sends a request and reads its response. Rejects if the connection is closed before the response is complete. */
export function request(socket, method, path, options) {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const end = (settle, value) => {
      socket.off('data', onData).off('close', onClose);
      settle(value);
    };
    const onClose = () => end(reject, new Error('the connection was closed'));
    const onData = (chunk) => {
      received = Buffer.concat([received, chunk]);
      const head = received.indexOf('\r\n\r\n');
      if (head < 0) return;
      const header = received.subarray(0, head).toString('latin1');
      const length = /^content-length: (\d+)$/im.exec(header)?.[1];
      const isComplete =
        length === undefined
          ? /^transfer-encoding: chunked$/im.test(header) === false || received.subarray(-5).toString() === '0\r\n\r\n'
          : received.length >= head + 4 + Number(length);
      if (isComplete) end(resolve, { status: Number(header.slice(9, 12)) });
    };
    if (socket.destroyed) return onClose();
    socket.on('data', onData).on('close', onClose);
    socket.write(bytes(method, path, options));
  });
}
