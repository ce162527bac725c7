"""Light as Fourier components: sources are added, moved and blurred there, and sampled on any pixels."""

__all__ = ["Grid"]

from functools import cache

import numpy as np
from scipy import fft

from galkeras.simulation.simulator import galsim

_TABLE_STEP, _TABLE_SIZE = 0.02, 2048


class Grid:
    r"""The Fourier components :math:`F(k) = \sum f(x) e^{-ikx}` of a periodic square of sky.

    The plane is the half that a real image needs. Sources come as components whose first is their flux.

    Args:
        pixels: Number of samples on a side.
        step: Their distance in arcsec.
    """

    def __init__(self, pixels: int, step: float) -> None:
        self.pixels, self.step = pixels, step
        self.side = pixels * step
        self.unit = 2 * np.pi / self.side
        self.kx = (self.unit * np.arange(pixels // 2 + 1)).astype(np.float32)
        self.ky = (self.unit * pixels * fft.fftfreq(pixels)).astype(np.float32)

    def zeros(self) -> np.ndarray:
        """Return an empty sky."""
        return np.zeros((len(self.ky), len(self.kx)), np.complex64)

    def shift(self, x: float, y: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the column and the row by which to multiply components to move them by (x, y) arcsec."""
        return _turn(self.ky * y)[:, None], _turn(self.kx * x)[None]

    def points(self, x: np.ndarray, y: np.ndarray, flux: np.ndarray) -> np.ndarray:
        """Return point sources of these positions (arcsec) and fluxes."""
        rows = _turn(np.outer(self.ky, y)) * np.asarray(flux, np.float32)
        return rows @ _turn(np.outer(x, self.kx))

    def gaussian(self, sigma: float) -> np.ndarray:
        """Return a round Gaussian of unit flux."""
        return _bell(self.ky * sigma)[:, None] * _bell(self.kx * sigma)[None]

    def exponential(self, radius: float, axis_ratio: float, angle: float) -> np.ndarray:
        """Return an exponential disc of unit flux: half-light radius (arcsec), position angle (degrees)."""
        along_x, along_y = -np.sin(np.radians(angle)), np.cos(np.radians(angle))
        # 1 + k^2 of the round disc from which this ellipse comes, as a quadratic form in kx and ky.
        scale2, squeeze = (radius / 1.678) ** 2, axis_ratio**2
        xx = np.float32(scale2 * (along_x**2 + squeeze * along_y**2)) * self.kx**2
        yy = np.float32(scale2 * (along_y**2 + squeeze * along_x**2)) * self.ky**2 + 1
        k2 = np.outer(np.float32(2 * scale2 * along_x * along_y * (1 - squeeze)) * self.ky, self.kx)
        k2 += xx
        k2 += yy[:, None]
        root = np.sqrt(k2)
        root *= k2
        return np.divide(1, root, out=root)

    def sersic(self, n: float, radius: float, axis_ratio: float, angle: float) -> np.ndarray:
        """Return GalSim's Sersic profile of unit flux with this half-light radius along the major axis."""
        profile = galsim.Sersic(n=n, half_light_radius=radius * np.sqrt(axis_ratio))
        profile = profile.shear(q=axis_ratio, beta=(angle + 90) * galsim.degrees)
        return self.profile(profile)

    def profile(self, profile: "galsim.GSObject") -> np.ndarray:
        """Return the components of any GalSim profile."""
        half = self.pixels // 2
        bounds = galsim.BoundsI(0, half, -half, self.pixels - half - 1)
        image = profile.drawKImage(image=galsim.ImageCF(bounds, scale=self.unit), recenter=False)
        return fft.ifftshift(image.array, axes=0)

    def painted(self, maps: np.ndarray, step: float) -> np.ndarray:
        """Return the components of (map, y, x) pictures centred at (0, 0) with pixels of ``step`` arcsec."""
        centres = (np.arange(maps.shape[-1], dtype=np.float32) - (maps.shape[-1] - 1) / 2) * np.float32(step)
        to_kx = _turn(np.outer(centres, self.kx))
        to_ky = _turn(np.outer(self.ky, centres))
        # A real matrix by a complex one is half the work of two complex ones.
        rows = (maps @ to_kx.view(np.float32)).view(np.complex64)
        return to_ky @ rows

    def moffat(self, fwhm: float, beta: float, e1: float, e2: float) -> np.ndarray:
        """Return a Moffat point-spread function with this FWHM (arcsec), exponent and small ellipticity."""
        ky = self.ky[:, None]
        k2 = (1 - e1) * self.kx**2 + (1 + e1) * ky**2 - 2 * e2 * self.kx * ky
        position = np.sqrt(k2) * np.float32(fwhm / _TABLE_STEP)
        whole = np.minimum(position.astype(np.int32), _TABLE_SIZE - 2)
        table, slope = _moffat_table(beta)
        return table[whole] + slope[whole] * (position - whole)

    def sample(self, components: np.ndarray, pixels: int) -> np.ndarray:
        """Return the flux a sample on ``pixels`` x ``pixels`` points of the square.

        The first is at (0, 0). ``pixels`` may be fewer than the grid's, and the rest of the spectrum is dropped; or
        more, and the spectrum beyond the grid's is empty.
        """
        if pixels < self.pixels:
            top = (pixels + 1) // 2
            rows = np.concatenate((components[:top], components[top - pixels :]))
            components = rows[:, : pixels // 2 + 1]
        elif pixels > self.pixels:
            top = (self.pixels + 1) // 2
            empty = np.zeros((pixels - self.pixels, components.shape[1]), components.dtype)
            components = np.concatenate((components[:top], empty, components[top:]))
        return fft.irfft2(components, s=(pixels, pixels), overwrite_x=True)

    def pixel(self, width: float) -> np.ndarray:
        """Return the response of a square pixel (arcsec)."""
        scale = np.float32(width / (2 * np.pi))
        return np.sinc(self.ky * scale)[:, None] * np.sinc(self.kx * scale)[None]


def _turn(angle: np.ndarray) -> np.ndarray:
    """Return exp(-i angle) as complex64, at half the price of np.exp."""
    angle = np.asarray(angle, np.float32)
    turned = np.empty(angle.shape, np.complex64)
    np.cos(angle, out=turned.real)
    np.sin(-angle, out=turned.imag)
    return turned


def _bell(x: np.ndarray) -> np.ndarray:
    return np.exp(np.float32(-0.5) * x**2)


@cache
def _moffat_table(beta: float) -> tuple[np.ndarray, np.ndarray]:
    """Return GalSim's Moffat of unit FWHM along k, and its steps."""
    image = galsim.ImageCF(galsim.BoundsI(0, _TABLE_SIZE - 1, 0, 0), scale=_TABLE_STEP)
    table = galsim.Moffat(beta=beta, fwhm=1.0).drawKImage(image=image, recenter=False).array[0].real.copy()
    return table, np.append(np.diff(table), 0).astype(np.float32)
