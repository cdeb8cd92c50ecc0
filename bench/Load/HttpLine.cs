using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace ControlCenter.Load;

/// <summary>One keep-alive connection that speaks just enough HTTP/1.1 to measure a server without measuring a client library.</summary>
internal sealed class HttpLine(Uri address, string key) : IDisposable
{
    private readonly TcpClient _tcp = new(address.Host, address.Port) { NoDelay = true };
    private readonly byte[] _buffer = new byte[256 * 1024];

    /// <summary>Posts and returns status and body.</summary>
    public async Task<(int Status, string Body)> PostAsync(string path, string body)
    {
        var request = $"POST {path} HTTP/1.1\r\nHost: {address.Authority}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}";
        var stream = _tcp.GetStream();
        await stream.WriteAsync(Encoding.UTF8.GetBytes(request));
        var read = 0;
        while (true)
        {
            var count = await stream.ReadAsync(_buffer.AsMemory(read));
            if (count == 0)
            {
                throw new IOException("The server closed the connection.");
            }

            read += count;
            var head = _buffer.AsSpan(0, read).IndexOf("\r\n\r\n"u8);
            if (head < 0)
            {
                continue;
            }

            var text = Encoding.ASCII.GetString(_buffer, 0, head);
            var mark = text.IndexOf("Content-Length: ", StringComparison.OrdinalIgnoreCase);
            var length = mark < 0 ? 0 : int.Parse(text.AsSpan(mark + 16).ToString().Split('\r')[0], CultureInfo.InvariantCulture);
            if (read >= head + 4 + length)
            {
                return (int.Parse(text.AsSpan(9, 3), CultureInfo.InvariantCulture), Encoding.UTF8.GetString(_buffer, head + 4, length));
            }
        }
    }

    public void Dispose() => _tcp.Dispose();
}
