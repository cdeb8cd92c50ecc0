namespace ControlCenter.Runtime.Storage.Embedded;

/// <summary>What the server says: in a file of bounded size with one older beside it, and its last words at hand.</summary>
internal sealed class ServerLog(string path) : IDisposable
{
    // A quiet server writes a few hundred kB a month; two files of this size hold a bad day and fill no disk.
    private const long MostBytes = 16 * 1024 * 1024;

    // Enough for a FATAL with its DETAIL and HINT.
    private const int LastWordsKept = 4;

    private readonly Lock _gate = new();
    private readonly Queue<string> _lastWords = new();
    private StreamWriter? _writer;
    private int _dropped;
    private bool _closed;

    /// <summary>Where it is written.</summary>
    public string Path => path;

    /// <summary>The last lines, in one.</summary>
    public string LastWords
    {
        get
        {
            lock (_gate)
            {
                return _lastWords.Count == 0 ? "(nothing)" : string.Join(" | ", _lastWords);
            }
        }
    }

    /// <summary>Adds a line. After the log is closed it is dropped: a server's very last words may come after its end.</summary>
    public void Write(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_gate)
        {
            if (_closed)
            {
                return;
            }

            _lastWords.Enqueue(line);
            if (_lastWords.Count > LastWordsKept)
            {
                _lastWords.Dequeue();
            }

            try
            {
                WriteToFile(_dropped == 0 ? line : $"({_dropped} lines before this one could not be written)\n{line}");
                _dropped = 0;
            }
            catch (IOException)
            {
                // A full disk: this is called where nobody could catch it, and the host is needed all the more for that.
                _dropped++;
            }
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        lock (_gate)
        {
            _closed = true;
            _writer?.Dispose();
        }
    }

    private void WriteToFile(string line)
    {
        if (_writer?.BaseStream.Length > MostBytes)
        {
            _writer.Dispose();
            _writer = null;
            File.Move(path, path + ".1", overwrite: true);
        }

        // No buffer below the writer: what could not be written is dropped, and does not make the next line fail as well.
        _writer ??= new StreamWriter(new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0)) { AutoFlush = true };
        _writer.WriteLine(line);
    }
}
