using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace ControlCenter.Runtime.Runner.Processes;

/// <summary>Reads <c>/proc</c>. Done every second for everything that runs, so it goes by bare descriptors and makes no strings of what it reads.</summary>
internal static class ProcessTable
{
    /// <summary>Clock ticks a second: fixed at 100 for everything that the kernel tells (USER_HZ).</summary>
    public const int TicksPerSecond = 100;

    // Names and numbers of one process; what is longer is no stat file.
    private const int StatBytes = 1024;

    // The runtime's own variables come first in what it is started with; what a program adds beyond this is not looked at.
    private const int EnvironmentBytes = 64 * 1024;

    private static readonly int PageBytes = Environment.SystemPageSize;

    /// <summary>Everything that runs now.</summary>
    public static List<ProcessEntry> Read()
    {
        var entries = new List<ProcessEntry>(256);
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(folder.AsSpan("/proc/".Length), NumberStyles.None, CultureInfo.InvariantCulture, out var pid) && Find(pid) is { } entry)
            {
                entries.Add(entry);
            }
        }

        return entries;
    }

    /// <summary>One process; null where there is none of that number.</summary>
    public static ProcessEntry? Find(int pid)
    {
        Span<byte> buffer = stackalloc byte[StatBytes];
        var length = ReadFile($"/proc/{pid.ToString(CultureInfo.InvariantCulture)}/stat", buffer);
        return length > 0 ? Parse(buffer[..length]) : null;
    }

    /// <summary>The value of a variable that a process was started with; null where it has none, or is another user's.</summary>
    public static string? VariableOf(int pid, string name) => VariableOf(pid, name, out _);

    /// <summary>The same.</summary>
    /// <param name="pid">Of which process.</param>
    /// <param name="name">Of which variable.</param>
    /// <param name="isEmpty">Whether it may be read and there is nothing: also of a process that is just becoming another program (execve(2)).</param>
    public static string? VariableOf(int pid, string name, out bool isEmpty)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(EnvironmentBytes);
        try
        {
            var length = ReadFile($"/proc/{pid.ToString(CultureInfo.InvariantCulture)}/environ", buffer);
            isEmpty = length == 0;
            ReadOnlySpan<byte> rest = length > 0 ? buffer.AsSpan(0, length) : [];
            Span<byte> start = stackalloc byte[64];
            start = start[..Encoding.UTF8.GetBytes(name + "=", start)];
            while (rest.Length > 0)
            {
                var end = rest.IndexOf((byte)0);
                var variable = end < 0 ? rest : rest[..end];
                if (variable.StartsWith(start))
                {
                    return Encoding.UTF8.GetString(variable[start.Length..]);
                }

                rest = end < 0 ? [] : rest[(end + 1)..];
            }

            return null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
        }
    }

    /// <summary>Reads one line of <c>/proc/PID/stat</c>: the name in parentheses may hold anything, so fields are counted from its last one.</summary>
    internal static ProcessEntry? Parse(ReadOnlySpan<byte> line)
    {
        var close = line.LastIndexOf((byte)')');
        if (close < 0 || !Utf8Parser.TryParse(line, out int pid, out _))
        {
            return null;
        }

        // From the state on: state ppid pgrp session tty tpgid flags minflt cminflt majflt cmajflt utime stime cutime cstime
        // priority nice threads itrealvalue starttime vsize rss (fields 3 to 24).
        var fields = line[(close + 1)..];
        Span<long> numbers = stackalloc long[22];
        char state = ' ';
        for (var index = 0; index < numbers.Length; index++)
        {
            fields = fields.TrimStart((byte)' ');
            var end = fields.IndexOfAny((byte)' ', (byte)'\n');
            var field = end < 0 ? fields : fields[..end];
            if (field.IsEmpty)
            {
                return null;
            }

            if (index == 0)
            {
                state = (char)field[0];
            }
            else if (Utf8Parser.TryParse(field, out long number, out _))
            {
                numbers[index] = number;
            }

            fields = end < 0 ? [] : fields[end..];
        }

        return new ProcessEntry(
            new ProcessIdentity(pid, numbers[19]), (int)numbers[1], (int)numbers[3], state, numbers[11] + numbers[12], numbers[21] * PageBytes);
    }

    // A process may end between being listed and being read: then there is nothing to read, and nothing to say.
    private static int ReadFile(string path, Span<byte> buffer)
    {
        var descriptor = Native.Open(path, Native.ReadOnly | Native.CloseOnExec);
        if (descriptor < 0)
        {
            return -1;
        }

        try
        {
            var length = 0;
            while (length < buffer.Length)
            {
                var got = (int)Native.Read(descriptor, buffer[length..], (nuint)(buffer.Length - length));
                if (got <= 0)
                {
                    break;
                }

                length += got;
            }

            return length;
        }
        finally
        {
            _ = Native.Close(descriptor);
        }
    }
}
