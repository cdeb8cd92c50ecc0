using ControlCenter.Domain.Access;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Access;

/// <summary>Adds someone who can call the bus.</summary>
public static class AddActor
{
    /// <summary>Adds an actor; a name that is taken violates the database's unique index.</summary>
    public static Task ExecuteAsync(UnitOfWork unit, Guid id, string name, Role role, CancellationToken cancellationToken) =>
        unit.ExecuteAsync(
            "insert into actors (id, name, role) values (@id, @name, @role)",
            cancellationToken, ("id", id), ("name", name), ("role", WireNames<Role>.ToWire(role)));
}
